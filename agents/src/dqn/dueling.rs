//! Dueling outputs: the advantages of all choices and one value, to Q and back.
//!
//! Q_h(s, a) = V(s) / H + A_h(s, a) - mean over the open a' of A_h(s, a'): equation 9 of Wang et al. 2016
//! (arXiv:1511.06581) for each of the H heads, whose sum has V once. Closed choices would shift the mean by values that
//! nothing trains.
//!
//! A row of outputs is the advantages of all heads one after another, then V: so the best choice can be read off the
//! first columns alone.

use crate::nn::Heads;

/// Q, `[batch, choices]`.
///
/// # Shapes
/// `outputs` `[batch, choices + 1]`; `masks` `[batch, choices]`.
pub fn q(outputs: &[f32], masks: Option<&[bool]>, heads: &Heads) -> Vec<f32> {
    let choices = heads.choices();
    let mut q = Vec::with_capacity(outputs.len());
    for (row, outputs) in outputs.chunks_exact(choices + 1).enumerate() {
        let share = outputs[choices] / heads.sizes().len() as f32;
        each_head(heads, masks, row, |range, open| {
            let advantages = &outputs[range];
            let of_open = advantages.iter().enumerate().filter(|(choice, _)| open(*choice));
            let (count, sum) = of_open.fold((0, 0.0), |(count, sum), (_, advantage)| (count + 1, sum + advantage));
            let mean = sum / count.max(1) as f32;
            q.extend(advantages.iter().map(|advantage| share + advantage - mean));
        });
    }
    q
}

/// The gradient at the outputs, `[batch, choices + 1]`, from the one at Q.
///
/// # Shapes
/// `of_q` and `masks` `[batch, choices]`.
pub fn gradient(of_q: &[f32], masks: Option<&[bool]>, heads: &Heads) -> Vec<f32> {
    let choices = heads.choices();
    let mut gradient = Vec::with_capacity(of_q.len() / choices * (choices + 1));
    for (row, of_q) in of_q.chunks_exact(choices).enumerate() {
        each_head(heads, masks, row, |range, open| {
            let of_head = &of_q[range];
            let count = (0..of_head.len()).filter(|&choice| open(choice)).count();
            let mean = of_head.iter().sum::<f32>() / count.max(1) as f32;
            gradient
                .extend(of_head.iter().enumerate().map(|(choice, own)| if open(choice) { own - mean } else { *own }));
        });
        gradient.push(of_q.iter().sum::<f32>() / heads.sizes().len() as f32);
    }
    gradient
}

/// Calls `visit` with the columns of each head, and which of its choices are open in this row.
fn each_head(
    heads: &Heads,
    masks: Option<&[bool]>,
    row: usize,
    mut visit: impl FnMut(std::ops::Range<usize>, &dyn Fn(usize) -> bool),
) {
    let mut start = 0;
    for &size in heads.sizes() {
        let first = row * heads.choices() + start;
        visit(start..start + size, &|choice| masks.is_none_or(|masks| masks[first + choice]));
        start += size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [bool; 5] = [true, true, true, false, true];

    fn heads() -> Heads {
        Heads::new(&[2, 3])
    }

    /// V = 4, so 2 per head. Head 1: A = (1, 3), mean 2. Head 2: A = (1, 100, 5), mean of the open ones 3.
    #[test]
    fn values_match_numbers_worked_by_hand() {
        let outputs = [1.0, 3.0, 1.0, 100.0, 5.0, 4.0];
        assert_eq!(q(&outputs, Some(&MASK), &heads()), [1.0, 3.0, 0.0, 99.0, 4.0]);
        let open = q(&[1.0, 3.0, 6.0], None, &Heads::new(&[2]));
        assert_eq!(open, [5.0, 7.0]);
    }

    /// Of sum_a w_a Q_a with any w, by differences of each output.
    #[test]
    fn gradients_match_finite_differences() {
        let weights = [0.5, -1.0, 2.0, 0.3, -0.7, 0.1, 0.0, 0.4, 0.0, 1.5];
        let outputs = [0.1, 0.2, -0.3, 0.4, 0.5, -0.6, 1.1, -1.2, 0.7, 0.3, 0.2, 0.9];
        let masks = [MASK, [true; 5]].concat();
        let total = |outputs: &[f32]| {
            let q = q(outputs, Some(&masks), &heads());
            q.iter().zip(&weights).map(|(q, weight)| f64::from(q * weight)).sum::<f64>()
        };
        let found = gradient(&weights, Some(&masks), &heads());
        assert_eq!(found.len(), outputs.len());
        for (output, found) in found.iter().enumerate() {
            let moved = |step: f32| {
                let mut moved = outputs;
                moved[output] += step;
                total(&moved)
            };
            let slope = (moved(0.5) - moved(-0.5)) as f32;
            assert!((found - slope).abs() < 1e-5, "output {output}: {found} is not {slope}");
        }
    }
}
