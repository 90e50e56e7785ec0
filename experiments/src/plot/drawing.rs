//! [`Drawing`]: a picture as a list of shapes, before any format.

/// A position: right and down from the upper left corner, in units of 1/96 inch.
pub type Point = (f64, f64);

/// A picture as a list of shapes, each painted over the ones before.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) shapes: Vec<Shape>,
}

/// A colour with its opacity, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ink {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
    pub opacity: f64,
}

impl Ink {
    /// An opaque colour.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue, opacity: 1.0 }
    }

    /// The same colour, seen through.
    pub const fn faint(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }
}

/// What a text's position is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its left end.
    Start,
    /// Its centre.
    Middle,
    /// Its right end.
    End,
}

/// One shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// An open line through the points; `dash` is the length of its dashes and gaps.
    Line { points: Vec<Point>, stroke: f64, ink: Ink, dash: Option<f64> },
    /// A filled polygon.
    Area { points: Vec<Point>, ink: Ink },
    /// A filled circle.
    Dot { centre: Point, radius: f64, ink: Ink },
    /// A line of text; `at` is on its horizontal middle line.
    Text { at: Point, anchor: Anchor, size: f64, ink: Ink, text: String },
}

impl Drawing {
    /// An empty white picture.
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, shapes: Vec::new() }
    }

    /// Width and height.
    pub fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    pub(super) fn line(&mut self, points: Vec<Point>, stroke: f64, ink: Ink) {
        self.shapes.push(Shape::Line { points, stroke, ink, dash: None });
    }

    pub(super) fn dashed_line(&mut self, points: Vec<Point>, stroke: f64, ink: Ink, dash: f64) {
        self.shapes.push(Shape::Line { points, stroke, ink, dash: Some(dash) });
    }

    pub(super) fn area(&mut self, points: Vec<Point>, ink: Ink) {
        self.shapes.push(Shape::Area { points, ink });
    }

    pub(super) fn rectangle(&mut self, from: Point, to: Point, ink: Ink) {
        self.area(vec![from, (to.0, from.1), to, (from.0, to.1)], ink);
    }

    pub(super) fn dot(&mut self, centre: Point, radius: f64, ink: Ink) {
        self.shapes.push(Shape::Dot { centre, radius, ink });
    }

    pub(super) fn text(&mut self, at: Point, anchor: Anchor, (size, ink): (f64, Ink), text: impl Into<String>) {
        self.shapes.push(Shape::Text { at, anchor, size, ink, text: text.into() });
    }
}

#[cfg(test)]
pub(super) mod checks {
    use super::super::font::text_width;
    use super::*;

    type Rectangle = (Point, Point);

    fn text_boxes(drawing: &Drawing) -> Vec<(String, Rectangle)> {
        let boxes = drawing.shapes.iter().filter_map(|shape| {
            let Shape::Text { at, anchor, size, text, .. } = shape else { return None };
            let width = text_width(text, *size);
            let left = at.0
                - match anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => width / 2.0,
                    Anchor::End => width,
                };
            Some((text.clone(), ((left, at.1 - 0.4 * size), (left + width, at.1 + 0.4 * size))))
        });
        boxes.collect()
    }

    /// Every text lies inside the picture and on no other text.
    pub fn texts_are_clear(drawing: &Drawing) {
        let boxes = text_boxes(drawing);
        for (index, (text, (from, to))) in boxes.iter().enumerate() {
            let inside = from.0 >= 0.0 && from.1 >= 0.0 && to.0 <= drawing.width && to.1 <= drawing.height;
            assert!(inside, "{text:?} leaves the picture: {from:?} to {to:?}");
            for (other, (other_from, other_to)) in &boxes[..index] {
                let apart =
                    to.0 <= other_from.0 || other_to.0 <= from.0 || to.1 <= other_from.1 || other_to.1 <= from.1;
                assert!(apart, "{text:?} lies on {other:?}");
            }
        }
    }
}
