//! The font of all pictures: Ubuntu Light, compiled in.

use std::sync::Once;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

/// What the font is called: also the list that a viewer of an SVG chooses from.
const FAMILY: &str = "Ubuntu, Helvetica Neue, Helvetica, Arial, sans-serif";

/// Height of a line of the font, ascent and descent, over that of its em.
const LINE: f64 = 1.121;

/// The size at which the plotting crate draws letters with an em of `size` in bitmaps: it takes the height of a line.
pub fn bitmap_font(size: f64) -> FontDesc<'static> {
    registered(size * LINE)
}

/// The size at which the plotting crate writes `font-size="size"` into an SVG: it divides by this constant.
pub fn svg_font(size: f64) -> FontDesc<'static> {
    registered(size * 1.24)
}

fn registered(size: f64) -> FontDesc<'static> {
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| {
        let registered = register_font(FAMILY, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
        assert!(registered.is_ok(), "the font that is compiled in is a font");
    });
    FontDesc::new(FontFamily::Name(FAMILY), size, FontStyle::Normal)
}

/// Width of `text` with an em of `size`, with a tenth to spare: where the font is missing, a viewer of the SVG takes
/// a wider one.
pub fn text_width(text: &str, size: f64) -> f64 {
    // The crate rounds to whole units: measured large, that does not matter.
    const LARGE: f64 = 1000.0;
    let ((left, _), (right, _)) = bitmap_font(LARGE).layout_box(text).expect("the font is registered");
    1.1 * f64::from(right - left) * size / LARGE
}

/// `text`, or as much of its beginning as has this width, with a sign that there was more.
pub fn shortened(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while kept.pop().is_some() && text_width(&format!("{kept}..."), size) > width {}
    kept + "..."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shortened_to_what_fits() {
        assert_eq!(shortened("phone", 12.0, 100.0), "phone");
        let short = shortened("a-processor-with-a-very-long-name", 12.0, 100.0);
        assert!(short.starts_with("a-proc") && short.ends_with("...") && text_width(&short, 12.0) <= 100.0, "{short}");
    }
}
