//! The numbers as a picture: for each row a bar of what was measured, on a paler one of its limit.

use std::fmt::Write as _;

use crate::report::{Report, Row};

const LINE: usize = 34;
const TOP: usize = 64;
const LEFT: usize = 290;
const WIDTH: f64 = 480.0;

/// The picture, as SVG.
pub(crate) fn svg(report: &Report) -> String {
    let height = TOP + LINE * report.rows().len() + 20;
    let most = report.rows().iter().map(|row| row.per_second.max(row.limit_per_second)).fold(1.0, f64::max);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"960\" height=\"{height}\" viewBox=\"0 0 960 {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"960\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"20\" y=\"28\" font-size=\"17\">{}: a second, on its limit measured in the same run</text>\n",
        report.name()
    );
    for (place, row) in report.rows().iter().enumerate() {
        line(&mut svg, row, TOP + LINE * place, most);
    }
    svg.push_str("</svg>\n");
    svg
}

fn line(svg: &mut String, row: &Row, top: usize, most: f64) {
    let (bar, limit) = (WIDTH * row.per_second / most, WIDTH * row.limit_per_second / most);
    let (words, behind) = (format!("{} {}", row.database, row.what.words()), bar.max(limit));
    let text = top + 16;
    // writing to a String does not fail
    let _ = writeln!(
        svg,
        "<text x=\"20\" y=\"{text}\">{words}</text>\n\
         <rect x=\"{LEFT}\" y=\"{top}\" width=\"{limit:.1}\" height=\"22\" fill=\"#cfd8dc\"/>\n\
         <rect x=\"{LEFT}\" y=\"{}\" width=\"{bar:.1}\" height=\"12\" fill=\"#00695c\"/>\n\
         <text x=\"{LEFT}\" y=\"{text}\" dx=\"{:.1}\">{:.0} of {:.0} ({:.2})</text>",
        top + 5,
        behind + 8.0,
        row.per_second,
        row.limit_per_second,
        row.ratio,
    );
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_longest_bar_fills_the_width_and_each_row_has_its_own() {
        let svg = super::svg(&crate::report::tests::report());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("#cfd8dc").count(), 2);
        assert!(svg.contains("width=\"480.0\" height=\"12\""), "500 is the most of all:\n{svg}");
        assert!(svg.contains("width=\"384.0\" height=\"22\""), "400 of 500 is four fifths:\n{svg}");
    }
}
