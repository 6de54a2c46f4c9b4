//! The journey to look at: progress over time and the wheel of life, as data, as a picture, and in words for those who do
//! not see it.

use app::View;
use app::view::{Direction, Entries, Filter, Value};
use async_graphql::SimpleObject;
use domain::Event;
use domain::assessment::form::{Answers, Asks, Form, Response, WHEEL_MOST};
use domain::assessment::{Assessment, Status};
use domain::id::{CoacheeId, GoalId, PracticeId};
use domain::journey::{self, Point};
use domain::plan::Goal;
use domain::practice::Practice;
use plotters::prelude::{
    BLACK, ChartBuilder, Color as _, IntoDrawingArea as _, LineSeries, PathElement, Polygon, RGBColor, SVGBackend,
    Text, WHITE,
};

use crate::page::is;
use crate::scalars::{Date, DateTime};
use crate::words::{Result, error};

/// How many changes of a plan are looked at together: the newest.
const CHANGES_MAX: u32 = 5_000;
/// Among how many of the newest completed assessments the wheels are looked for.
const ASSESSMENTS_MAX: u32 = 20;
/// A picture's width and height.
const SIZE: (u32, u32) = (640, 400);
/// The colour of what is now.
const NOW: RGBColor = RGBColor(36, 99, 160);
/// The colour of what was before.
const BEFORE: RGBColor = RGBColor(168, 168, 168);

/// How far the actions of a plan had come at the end of a day on which something about them changed.
#[derive(SimpleObject)]
pub(crate) struct JourneyPoint {
    /// The day, in the practice's time zone.
    on: Date,
    /// The mean of the actions' percentages.
    percent: u8,
    /// How many actions there were.
    actions: u32,
    /// How many of them were done.
    done: u32,
}

/// Progress over time.
#[derive(SimpleObject)]
pub(crate) struct Journey {
    /// The days on which something changed, in order.
    points: Vec<JourneyPoint>,
    /// The same as a picture: an SVG of 640 by 400, without scripts and links, with a title and a description.
    svg: String,
    /// The same in words, for screen readers.
    text: String,
}

/// An area of a wheel of life.
#[derive(SimpleObject)]
pub(crate) struct WheelArea {
    /// Its name.
    area: String,
    /// How satisfied the coachee is with it, 1 to 10.
    value: i32,
    /// How satisfied they were the time before, where there was one.
    before: Option<i32>,
}

/// The newest wheel of life, beside the one before it.
#[derive(SimpleObject)]
pub(crate) struct WheelOfLife {
    /// When it was submitted.
    submitted_at: DateTime,
    /// When the one before was.
    before_at: Option<DateTime>,
    /// The areas, in the order of the form.
    areas: Vec<WheelArea>,
    /// The same as a picture: an SVG of 640 by 400, without scripts and links, with a title and a description.
    svg: String,
    /// The same in words, for screen readers.
    text: String,
}

/// A coachee's plan over time, or that of one of their goals.
pub(crate) async fn progress(view: &View, coachee: CoacheeId, goal: Option<GoalId>) -> Result<Journey> {
    if let Some(goal) = goal {
        let row = view.one::<Goal>(goal).await.map_err(error)?.filter(|row| row.coachee == coachee);
        row.ok_or_else(|| error(app::Error::NotFound))?;
    }
    let wanted = Entries {
        coachee: Some(coachee),
        kinds: Some(journey::KINDS.map(str::to_owned).to_vec()),
        newest_first: true,
        limit: CHANGES_MAX,
        ..Entries::default()
    };
    let mut changes = view.entries(&wanted).await.map_err(error)?;
    changes.reverse();
    let practice = view.one::<Practice>(PracticeId::clone(&view.scope.practice)).await.map_err(error)?;
    let practice = practice.ok_or_else(|| error(app::Error::NotFound))?;
    let events = changes.iter().filter_map(|it| {
        let Event::Plan(event) = &it.event else { return None };
        Some((event, it.when.at))
    });
    let points = journey::progress(events, goal, &practice.zone);
    let text = words(&points);
    let svg = with_words(line(&points)?, "Progress over time", &text);
    let shown = |it: Point| JourneyPoint { on: Date(it.on), percent: it.percent, actions: it.actions, done: it.done };
    Ok(Journey { points: points.into_iter().map(shown).collect(), svg, text })
}

fn words(points: &[Point]) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return "There are no actions yet.".to_owned();
    };
    format!(
        "From {} to {}: {} percent, then {} percent; {} of {} actions are done.",
        first.on, last.on, first.percent, last.percent, last.done, last.actions
    )
}

/// A line of percentages over days.
fn line(points: &[Point]) -> Result<String> {
    let mut svg = String::new();
    let from = points.first().map_or(0, |point| point.on.0);
    let to = points.last().map_or(1, |point| point.on.0).max(from.saturating_add(1));
    let drawn = (|| {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(16)
            .x_label_area_size(32)
            .y_label_area_size(40)
            .build_cartesian_2d(from..to, 0..100)?;
        let day = |number: &i32| domain::value::Date(*number).to_string();
        chart.configure_mesh().disable_x_mesh().x_labels(5).x_label_formatter(&day).draw()?;
        // Each day holds until the next one on which something changed.
        let steps = points.iter().enumerate().flat_map(|(place, point)| {
            let percent = i32::from(point.percent);
            let until = points.get(place + 1).map_or(to, |next| next.on.0);
            [(point.on.0, percent), (until, percent)]
        });
        chart.draw_series(LineSeries::new(steps, NOW.stroke_width(2)))?;
        area.present()
    })();
    drawn.map_err(|_: plotters::drawing::DrawingAreaErrorKind<_>| {
        error(app::Error::internal("a picture cannot be drawn"))
    })?;
    Ok(svg)
}

/// What one submitted wheel says.
struct Wheel {
    areas: Vec<(String, i32)>,
    at: domain::value::Time,
}

/// The newest wheel of life, if there is one.
pub(crate) async fn wheel(view: &View, coachee: CoacheeId) -> Result<Option<WheelOfLife>> {
    let status = Value::Text(Status::Completed.word().to_owned());
    let wanted = app::view::Wanted {
        filters: vec![is("subject", coachee), Filter::Eq("status".to_owned(), status)],
        order: vec![("at", Direction::Descending)],
        limit: ASSESSMENTS_MAX,
        ..app::view::Wanted::default()
    };
    let (mut wheels, page) = (Vec::new(), view.list::<Assessment>(&wanted).await.map_err(error)?);
    for (row, _) in page.rows {
        let row = view.opened(&row).await.map_err(error)?;
        wheels.extend(wheel_of(&row));
    }
    let mut wheels = wheels.into_iter();
    let Some(now) = wheels.next() else { return Ok(None) };
    let names = |wheel: &Wheel| wheel.areas.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let before = wheels.find(|wheel| names(wheel) == names(&now));
    let text = wheel_in_words(&now, before.as_ref());
    let svg = with_words(radar(&now, before.as_ref())?, "Wheel of life", &text);
    let before_of = |place: usize| before.as_ref().and_then(|wheel| wheel.areas.get(place)).map(|(_, value)| *value);
    let areas = now.areas.iter().enumerate();
    let areas =
        areas.map(|(place, (area, value))| WheelArea { area: area.clone(), value: *value, before: before_of(place) });
    Ok(Some(WheelOfLife {
        submitted_at: DateTime(now.at),
        before_at: before.as_ref().map(|wheel| DateTime(wheel.at)),
        areas: areas.collect(),
        svg,
        text,
    }))
}

/// The first wheel of an assessment whose texts are open.
fn wheel_of(row: &Assessment) -> Option<Wheel> {
    let form = Form::of(row.form.text()?)?;
    let answers = Answers::read(domain::text::Text::as_str(row.answers.as_ref()?.text()?))?;
    let asked = form.questions().iter().zip(answers.0);
    let areas = asked.into_iter().find_map(|(question, answer)| {
        let (Asks::Wheel(areas), Some(Response::Wheel(values))) = (&question.asks, answer) else { return None };
        Some(areas.iter().cloned().zip(values).collect())
    })?;
    Some(Wheel { areas, at: row.submitted_at? })
}

fn wheel_in_words(now: &Wheel, before: Option<&Wheel>) -> String {
    let said = now.areas.iter().enumerate().map(|(place, (area, value))| {
        match before.and_then(|wheel| wheel.areas.get(place)).filter(|(_, was)| was != value) {
            Some((_, was)) => format!("{area}: {value} of {WHEEL_MOST}, {was} before"),
            None => format!("{area}: {value} of {WHEEL_MOST}"),
        }
    });
    said.collect::<Vec<_>>().join("; ") + "."
}

/// The areas around a centre, each as far from it as one is satisfied.
fn radar(now: &Wheel, before: Option<&Wheel>) -> Result<String> {
    let mut svg = String::new();
    let count = now.areas.len();
    let most = f64::from(WHEEL_MOST);
    #[expect(clippy::cast_precision_loss, reason = "a wheel has at most twenty areas")]
    let at = |place: usize, far: f64| {
        let angle = std::f64::consts::TAU * place as f64 / count as f64;
        (far * angle.sin(), far * angle.cos())
    };
    let ring = |far: f64| (0..=count).map(|place| at(place % count, far)).collect::<Vec<_>>();
    let shape = |wheel: &Wheel| {
        let values = wheel.areas.iter().enumerate();
        values.map(|(place, (_, value))| at(place, f64::from(*value))).collect::<Vec<_>>()
    };
    let drawn = (|| {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (wide, high) = (most * 2.2, most * 1.375);
        let mut chart = ChartBuilder::on(&area).build_cartesian_2d(-wide..wide, -high..high)?;
        for far in [2.0, 4.0, 6.0, 8.0, 10.0] {
            chart.draw_series([PathElement::new(ring(far), BLACK.mix(0.15))])?;
        }
        for place in 0..count {
            chart.draw_series([PathElement::new(vec![(0.0, 0.0), at(place, most)], BLACK.mix(0.15))])?;
        }
        for (wheel, colour) in [(before, BEFORE), (Some(now), NOW)] {
            let Some(wheel) = wheel else { continue };
            let corners = shape(wheel);
            chart.draw_series([Polygon::new(corners.clone(), colour.mix(0.25))])?;
            let closed = corners.iter().chain(corners.first()).copied().collect::<Vec<_>>();
            chart.draw_series([PathElement::new(closed, colour.stroke_width(2))])?;
        }
        for (place, (name, value)) in now.areas.iter().enumerate() {
            let label = format!("{name} {value}");
            chart.draw_series([Text::new(label, at(place, most * 1.12), ("sans-serif", 14))])?;
        }
        area.present()
    })();
    drawn.map_err(|_: plotters::drawing::DrawingAreaErrorKind<_>| {
        error(app::Error::internal("a picture cannot be drawn"))
    })?;
    Ok(svg)
}

/// The picture with its title and what it says in words, as screen readers look for them.
fn with_words(svg: String, title: &str, words: &str) -> String {
    let Some((head, rest)) = svg.split_once('>') else { return svg };
    let (title, words) = (escaped(title), escaped(words));
    format!("{head} role=\"img\"><title>{title}</title><desc>{words}</desc>{rest}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(names: &[&str], values: &[i32]) -> Wheel {
        let areas = names.iter().map(|name| (*name).to_owned()).zip(values.iter().copied()).collect();
        Wheel { areas, at: domain::value::Time(0) }
    }

    #[test]
    fn a_picture_holds_no_markup_of_a_persons_making() {
        let names = ["<script>alert(1)</script>", "\"&'", "]]>"];
        let (now, before) = (wheel(&names, &[1, 10, 5]), wheel(&names, &[3, 3, 3]));
        let text = wheel_in_words(&now, Some(&before));
        assert!(text.contains("1 of 10, 3 before"), "{text}");
        let svg = with_words(radar(&now, Some(&before)).unwrap(), "Wheel of life", &text);
        assert!(!svg.contains("<script") && !svg.contains("]]>"), "{svg}");
        assert!(svg.contains("role=\"img\"") && svg.contains("<title>Wheel of life</title>"), "{svg}");
    }

    #[test]
    fn a_line_is_drawn_whatever_its_points() {
        let point = |on: i32, percent: u8| Point { on: domain::value::Date(on), percent, actions: 1, done: 0 };
        for points in
            [vec![], vec![point(7, 0)], vec![point(7, 10), point(9, 100)], vec![point(0, 0), point(2_900_000, 1)]]
        {
            let svg = line(&points).unwrap();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
        }
        assert_eq!(words(&[]), "There are no actions yet.");
        assert_eq!(
            words(&[point(0, 10), point(1, 40)]),
            "From 1970-01-01 to 1970-01-02: 10 percent, then 40 percent; 0 of 1 actions are done."
        );
    }
}
