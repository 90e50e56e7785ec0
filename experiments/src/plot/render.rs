//! From a [`Drawing`] to bytes: the only module that knows how the plotting crate draws.

use std::fmt::Display;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, RGBAColor, RGBColor, ShapeStyle, TextStyle, WHITE};

use super::drawing::{Anchor, Drawing, Ink, Point, Shape};
use super::font::{bitmap_font, svg_font};
use super::{Pixels, PlotError};

/// The crate's positions are whole numbers: drawing this many times larger makes them fine enough.
const FINENESS: u32 = 4;

/// So many of these fine pixels, across and down, become one of the PNG: two pixels per unit of the drawing.
const SMOOTHING: u32 = 2;

/// As many of them that one pixel is left per unit of the drawing.
pub const TO_UNITS: u32 = FINENESS;

/// How a format sets text.
#[derive(Clone, Copy)]
struct Typesetting {
    font: fn(f64) -> FontDesc<'static>,
    /// How far to move text down, in em, so that digits stand centred: the crate centres each format otherwise.
    shift: f64,
}

const SVG_TEXT: Typesetting = Typesetting { font: svg_font, shift: 0.07 };
const BITMAP_TEXT: Typesetting = Typesetting { font: bitmap_font, shift: 0.22 };

/// The drawing as SVG.
pub fn svg(drawing: &Drawing) -> Result<String, PlotError> {
    let mut text = String::new();
    let (width, height) = fine_size(drawing);
    paint(drawing, SVGBackend::with_string(&mut text, (width, height)), SVG_TEXT)?;
    // The fine positions stay inside (`viewBox`), the picture gets the size that was asked for.
    let fine = format!("width=\"{width}\" height=\"{height}\"");
    Ok(text.replacen(&fine, &format!("width=\"{}\" height=\"{}\"", drawing.width, drawing.height), 1))
}

/// The drawing as PNG: painted `FINENESS` times larger, then averaged, which smooths all edges.
pub fn png(drawing: &Drawing) -> Result<Vec<u8>, PlotError> {
    let Pixels { width, height, rgb } = pixels(drawing, SMOOTHING)?;
    encode_png(&rgb, width, height).map_err(|error| PlotError::Render(error.to_string()))
}

/// The drawing as pixels: painted `FINENESS` times larger, then `smoothing` x `smoothing` of these averaged.
pub fn pixels(drawing: &Drawing, smoothing: u32) -> Result<Pixels, PlotError> {
    let (width, height) = fine_size(drawing);
    let mut fine = vec![0; width as usize * height as usize * 3];
    paint(drawing, BitMapBackend::with_buffer(&mut fine, (width, height)), BITMAP_TEXT)?;
    let (width, height) = (width / smoothing, height / smoothing);
    Ok(Pixels { width, height, rgb: average_blocks(&fine, width as usize, smoothing as usize) })
}

fn fine_size(drawing: &Drawing) -> (u32, u32) {
    (drawing.width.ceil() as u32 * FINENESS, drawing.height.ceil() as u32 * FINENESS)
}

/// Averages blocks of `side` x `side` RGB pixels; `width` is that of the result.
fn average_blocks(fine: &[u8], width: usize, side: usize) -> Vec<u8> {
    let fine_row = 3 * width * side;
    let height = fine.len() / (fine_row * side);
    let mut pixels = Vec::with_capacity(3 * width * height);
    for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
        let corner = row * side * fine_row + column * side * 3;
        for channel in 0..3 {
            let block = (0..side * side).map(|cell| corner + cell / side * fine_row + cell % side * 3 + channel);
            let sum: u32 = block.map(|index| u32::from(fine[index])).sum();
            pixels.push((sum / (side * side) as u32) as u8);
        }
    }
    pixels
}

fn encode_png(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    // 96 units per inch, so that programs place the picture at the size of the SVG.
    let per_metre = (f64::from(FINENESS / SMOOTHING) * 96.0 / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: png::Unit::Meter }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

fn paint<DB: DrawingBackend>(drawing: &Drawing, backend: DB, text: Typesetting) -> Result<(), PlotError> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE).map_err(render_error)?;
    for shape in &drawing.shapes {
        paint_shape(shape, &area, text)?;
    }
    area.present().map_err(render_error)
}

fn render_error(error: impl Display) -> PlotError {
    PlotError::Render(error.to_string())
}

fn paint_shape<DB: DrawingBackend>(
    shape: &Shape,
    area: &DrawingArea<DB, Shift>,
    typesetting: Typesetting,
) -> Result<(), PlotError> {
    let painted = match shape {
        Shape::Line { points, stroke, ink, dash } => {
            let style = ShapeStyle { color: rgba(*ink), filled: false, stroke_width: fine(*stroke).max(1) as u32 };
            let pieces = dash.map_or_else(|| vec![points.clone()], |dash| dashes(points, dash));
            pieces.iter().try_for_each(|piece| area.draw(&PathElement::new(fine_points(piece), style)))
        }
        Shape::Area { points, ink } => area.draw(&Polygon::new(fine_points(points), rgba(*ink).filled())),
        Shape::Dot { centre, radius, ink } => {
            area.draw(&Circle::new(fine_point(*centre), fine(*radius), rgba(*ink).filled()))
        }
        Shape::Text { at, anchor, size, ink, text } => {
            let (color, font) = (rgba(*ink), (typesetting.font)(size * f64::from(FINENESS)));
            let style = TextStyle::from(font).pos(Pos::new(side(*anchor), VPos::Center)).color(&color);
            area.draw_text(text, &style, fine_point((at.0, at.1 + typesetting.shift * size)))
        }
    };
    painted.map_err(render_error)
}

/// The parts of a line that dashes of this length, with gaps as long, leave to be drawn.
fn dashes(points: &[Point], length: f64) -> Vec<Vec<Point>> {
    let mut pieces = Vec::new();
    let mut walked = 0.0;
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let span = (to.0 - from.0).hypot(to.1 - from.1);
        let at = |distance: f64| {
            let share = (distance - walked) / span;
            (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1))
        };
        let mut start = (walked / (2.0 * length)).floor() * 2.0 * length;
        while start < walked + span {
            let end = (start + length).min(walked + span);
            if end > walked {
                pieces.push(vec![at(start.max(walked)), at(end)]);
            }
            start += 2.0 * length;
        }
        walked += span;
    }
    pieces
}

fn side(anchor: Anchor) -> HPos {
    match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    }
}

fn rgba(ink: Ink) -> RGBAColor {
    RGBColor(ink.red, ink.green, ink.blue).mix(ink.opacity)
}

fn fine(length: f64) -> i32 {
    (length * f64::from(FINENESS)).round() as i32
}

fn fine_point(point: Point) -> (i32, i32) {
    (fine(point.0), fine(point.1))
}

fn fine_points(points: &[Point]) -> Vec<(i32, i32)> {
    points.iter().copied().map(fine_point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_every_other_length() {
        let pieces = dashes(&[(0.0, 0.0), (5.0, 0.0), (5.0, 3.0)], 2.0);
        let expected = [[(0.0, 0.0), (2.0, 0.0)], [(4.0, 0.0), (5.0, 0.0)], [(5.0, 0.0), (5.0, 1.0)]];
        assert_eq!(pieces[..3], expected.map(|piece| piece.to_vec()));
        assert_eq!(pieces.len(), 3);
    }

    #[test]
    fn blocks_are_averaged() {
        let mut fine = vec![0; 4 * 2 * 3];
        fine[..3].copy_from_slice(&[40, 80, 120]);
        assert_eq!(average_blocks(&fine, 2, 2), [10, 20, 30, 0, 0, 0]);
    }
}
