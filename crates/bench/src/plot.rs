//! The numbers as a picture: a panel of what was done a second, one of how long answers took, and one of each other
//! figure, each with a scale of its own. A bar is what was measured; what the paler bar behind it is, its panel's title
//! says.

use std::fmt::Write as _;

use crate::report::{Figure, Latency, Report, Row};

const LINE: usize = 28;
const TOP: usize = 48;
const LEFT: usize = 360;
const WIDTH: f64 = 400.0;

/// The picture, as SVG.
pub(crate) fn svg(report: &Report) -> String {
    let (mut drawn, mut height) = (String::new(), TOP);
    for panel in panels(report) {
        panel.draw(&mut drawn, height);
        // its title, its bars, and some room
        height += LINE * (panel.bars.len() + 2);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"960\" height=\"{height}\" viewBox=\"0 0 960 {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"960\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"20\" y=\"28\" font-size=\"17\">{}</text>\n{drawn}</svg>\n",
        escaped(report.name())
    )
}

/// Bars that share a scale.
struct Panel {
    title: String,
    bars: Vec<Bar>,
}

/// What was measured, and what is drawn behind it.
struct Bar {
    words: String,
    measured: f64,
    behind: Option<f64>,
    text: String,
}

fn panels(report: &Report) -> Vec<Panel> {
    let done = "a second; behind it its limit, measured in the same run".to_owned();
    let took = "p50, ms; behind it p99".to_owned();
    let mut panels = vec![
        Panel { title: done, bars: report.rows().iter().map(done_bar).collect() },
        Panel { title: took, bars: report.rows().iter().flat_map(took_bars).collect() },
    ];
    panels.retain(|panel| !panel.bars.is_empty());
    for figure in report.figures() {
        let limit = if figure.limit.is_some() { "; behind it its limit" } else { "" };
        let title = format!("{}, {}{limit}", figure.name, figure.unit);
        match panels.iter_mut().find(|panel| panel.title == title) {
            Some(panel) => panel.bars.push(figure_bar(figure)),
            None => panels.push(Panel { title, bars: vec![figure_bar(figure)] }),
        }
    }
    panels
}

fn done_bar(row: &Row) -> Bar {
    let (done, limit) = (number(row.per_second), number(row.limit_per_second));
    Bar {
        words: words(row),
        measured: row.per_second,
        behind: Some(row.limit_per_second),
        text: format!("{done} of {limit} ({:.2})", row.ratio),
    }
}

fn took_bars(row: &Row) -> Vec<Bar> {
    let bar = |words: String, Latency { p50_ms, p99_ms }| Bar {
        words,
        measured: p50_ms,
        behind: Some(p99_ms),
        text: format!("p50 {}, p99 {} ms", number(p50_ms), number(p99_ms)),
    };
    let took = row.latency.map(|latency| bar(words(row), latency));
    let limit = row.limit_latency.map(|latency| bar("… its limit".to_owned(), latency));
    took.into_iter().chain(limit).collect()
}

fn figure_bar(figure: &Figure) -> Bar {
    let limit = figure.limit.map_or_else(String::new, |limit| format!(" (limit {})", number(limit)));
    Bar {
        words: format!("{} {}", figure.database, figure.of),
        measured: figure.value,
        behind: figure.limit,
        text: format!("{} {}{limit}", number(figure.value), figure.unit),
    }
}

fn words(row: &Row) -> String {
    format!("{} {}", row.database, row.what.words())
}

/// With as many places as say something.
fn number(number: f64) -> String {
    let places = match number.abs() {
        size if size >= 100.0 || size.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{number:.places$}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

impl Panel {
    fn draw(&self, svg: &mut String, top: usize) {
        let sizes = self.bars.iter().map(|bar| bar.measured.max(bar.behind.unwrap_or_default()));
        let most = sizes.fold(f64::MIN_POSITIVE, f64::max);
        // writing to a String does not fail
        let _ = writeln!(svg, "<text x=\"20\" y=\"{}\" font-weight=\"bold\">{}</text>", top + 16, escaped(&self.title));
        for (place, bar) in self.bars.iter().enumerate() {
            bar.draw(svg, top + LINE * (place + 1), most);
        }
    }
}

impl Bar {
    fn draw(&self, svg: &mut String, top: usize, most: f64) {
        // a server may have given memory back: nothing is narrower than nothing
        let width = |number: f64| (WIDTH * number / most).max(0.0);
        let (bar, behind) = (width(self.measured), width(self.behind.unwrap_or_default()));
        let text = top + 16;
        if self.behind.is_some() {
            let _ =
                writeln!(svg, "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{behind:.1}\" height=\"22\" fill=\"#cfd8dc\"/>");
        }
        let _ = writeln!(
            svg,
            "<text x=\"20\" y=\"{text}\">{}</text>\n\
             <rect x=\"{LEFT}\" y=\"{}\" width=\"{bar:.1}\" height=\"12\" fill=\"#00695c\"/>\n\
             <text x=\"{LEFT}\" y=\"{text}\" dx=\"{:.1}\">{}</text>",
            escaped(&self.words),
            top + 5,
            bar.max(behind) + 8.0,
            escaped(&self.text),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{escaped, number, svg};
    use crate::report::Report;
    use crate::report::tests::report;

    #[test]
    fn the_longest_bar_of_each_panel_fills_the_width_and_each_row_has_its_own() {
        let svg = svg(&report());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_eq!((svg.matches("#00695c").count(), svg.matches("#cfd8dc").count()), (7, 5));
        assert!(svg.contains("width=\"400.0\" height=\"12\""), "500 is the most of all:\n{svg}");
        assert!(svg.contains("width=\"320.0\" height=\"22\""), "400 of 500 is four fifths:\n{svg}");
        assert!(svg.contains("width=\"133.3\" height=\"12\""), "a p50 of 2 is a third of a p99 of 6:\n{svg}");
        assert!(svg.contains("width=\"200.0\" height=\"12\""), "21.4 ms are half of 42.8:\n{svg}");
    }

    #[test]
    fn every_number_of_a_report_stands_at_its_bar() {
        let report = report();
        let svg = svg(&report);
        let mut texts = Vec::new();
        for row in report.rows() {
            let (done, limit) = (number(row.per_second), number(row.limit_per_second));
            texts.push(format!(">{done} of {limit} ({:.2})<", row.ratio));
            for latency in row.latency.iter().chain(&row.limit_latency) {
                texts.push(format!(">p50 {}, p99 {} ms<", number(latency.p50_ms), number(latency.p99_ms)));
            }
        }
        for figure in report.figures() {
            texts.push(format!(">{}, {}", figure.name, figure.unit));
            texts.push(format!(">{} {}", number(figure.value), figure.unit));
        }
        texts.push(">62.5 KiB (limit 6.10)<".to_owned());
        for text in texts {
            assert!(svg.contains(&text), "{text} is missing:\n{svg}");
        }
        assert_eq!(svg.matches("from start to ready, ms").count(), 1, "both databases share a panel:\n{svg}");
    }

    #[test]
    fn what_is_less_than_nothing_has_no_width_and_what_is_measured_is_no_markup() {
        let mut report = Report::new("a<b");
        report.figure("sqlite", "", ("memory a socket", "KiB"), (-0.5, Some(0.0)));
        let svg = svg(&report);
        assert!(svg.contains(">a&lt;b<") && svg.contains(">-0.50 KiB (limit 0)<"), "{svg}");
        assert!(!svg.contains("width=\"-") && !svg.contains("NaN"), "{svg}");
        assert_eq!(escaped("&<"), "&amp;&lt;");
    }
}
