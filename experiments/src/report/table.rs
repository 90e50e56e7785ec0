//! [`Table`]: a CSV file as a table that sorts.

use std::fs::File;
use std::path::Path;

use super::html::escaped;
use crate::eval::ReadEvalError;
use crate::files::FileError;

/// A CSV file as it lies there, whatever its columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    pub(super) title: &'static str,
    /// Name of the file, for downloads.
    pub(super) file: &'static str,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads a file; `None` when it is not there.
    pub(super) fn read(path: &Path, title: &'static str, file: &'static str) -> Result<Option<Self>, ReadEvalError> {
        if !path.is_file() {
            return Ok(None);
        }
        let broken = |source| ReadEvalError::Row { path: path.to_owned(), source };
        let mut reader = csv::Reader::from_reader(File::open(path).map_err(FileError::on("read", path))?);
        let header = cells(reader.headers().map_err(broken)?);
        let rows: Result<Vec<_>, _> = reader.records().map(|row| row.map(|row| cells(&row))).collect();
        Ok(Some(Self { title, file, header, rows: rows.map_err(broken)? }))
    }

    /// The table as HTML; the first column names its row. Cells keep the whole figure for sorting and downloads.
    pub(super) fn html(&self) -> String {
        let Self { title, file, .. } = self;
        let heading =
            |name: &String| format!("<th scope=\"col\"><button type=\"button\">{}</button></th>", escaped(name));
        let header: String = self.header.iter().map(heading).collect();
        let rows: String = self.rows.iter().map(|row| format!("<tr>{}</tr>\n", row_html(row))).collect();
        format!(
            "<div class=\"table\" data-file=\"{file}\">\n<h3>{title}</h3>\n<p><button type=\"button\" \
             class=\"download\" hidden>Download {file}</button></p>\n<div class=\"scroll\" tabindex=\"0\" \
             role=\"region\" aria-label=\"{title}\">\n<table>\n<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}</tbody>\n\
             </table>\n</div>\n</div>\n"
        )
    }
}

fn cells(record: &csv::StringRecord) -> Vec<String> {
    record.iter().map(str::to_owned).collect()
}

fn row_html(row: &[String]) -> String {
    let cell = |(index, text): (usize, &String)| {
        let (whole, short) = (escaped(text), escaped(&shown(text)));
        match index {
            0 => format!("<th scope=\"row\" data-value=\"{whole}\">{short}</th>"),
            _ => format!("<td data-value=\"{whole}\">{short}</td>"),
        }
    };
    row.iter().enumerate().map(cell).collect()
}

/// A figure in four digits, anything else as it is.
fn shown(text: &str) -> String {
    let fraction = text.parse::<f64>().ok().filter(|value| value.is_finite() && text.contains(['.', 'e']));
    let Some(value) = fraction else { return text.to_owned() };
    let before = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    let decimals = usize::try_from(3 - before).unwrap_or(0);
    if decimals > 7 { format!("{value:.3e}") } else { format!("{value:.decimals$}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_in_four_digits_and_names_and_counts_as_they_are() {
        let texts =
            ["0.23843688669109928", "12.345678", "1234567", "0.0", "0.00000123456", "dsaco", "", "20987.6", "NaN"];
        let shown = texts.map(shown);
        assert_eq!(shown, ["0.2384", "12.35", "1234567", "0.000", "1.235e-6", "dsaco", "", "20988", "NaN"]);
    }

    #[test]
    fn cells_are_escaped_and_keep_the_whole_figure() {
        let table = Table {
            title: "Comparison",
            file: "comparison.csv",
            header: vec!["scheme".into(), "a<b".into()],
            rows: vec![vec!["\"x\"</td>".into(), "0.123456".into()]],
        };
        let html = table.html();
        assert!(html.contains("<td data-value=\"0.123456\">0.1235</td>"), "{html}");
        assert!(html.contains("data-value=\"&quot;x&quot;&lt;/td&gt;\"") && html.contains("a&lt;b"), "{html}");
    }
}
