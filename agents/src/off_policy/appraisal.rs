//! [`Appraisal`]: what critics said of a batch, and how wrong they were.

/// What critics said of a batch before their step.
#[derive(Clone, Debug, PartialEq)]
pub struct Appraisal {
    /// The sum of the critics' losses.
    pub loss: f64,
    /// Mean of Q(s, a) under the first critic.
    pub q_mean: f64,
    /// Largest |Q(s, a)| under any critic: one of them alone may diverge.
    pub q_max: f64,
    /// |Q(s, a) - y|, the mean over the critics, `[batch]`.
    pub errors: Vec<f32>,
}

impl Appraisal {
    /// Of Q(s, a) per critic, at least one, and their targets y.
    ///
    /// # Shapes
    /// `targets` and each of `taken` `[batch]`.
    pub fn new(loss: f64, taken: &[Vec<f32>], targets: &[f32]) -> Self {
        let mut errors = vec![0.0; targets.len()];
        for taken in taken {
            for (sum, (q, target)) in errors.iter_mut().zip(taken.iter().zip(targets)) {
                *sum += (q - target).abs();
            }
        }
        errors.iter_mut().for_each(|sum| *sum /= taken.len() as f32);
        let q_max = taken.iter().flatten().fold(0.0, |max: f32, q| max.max(q.abs()));
        Self { loss, q_mean: mean(&taken[0]), q_max: q_max.into(), errors }
    }

    /// The mean of the errors.
    pub fn error(&self) -> f64 {
        mean(&self.errors)
    }
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errors of the first critic 1 and 3, of the second 3 and 3.
    #[test]
    fn errors_are_averaged_over_critics_and_the_largest_value_is_that_of_any() {
        let appraisal = Appraisal::new(0.5, &[vec![1.0, 2.0], vec![3.0, -4.0]], &[0.0, -1.0]);
        assert_eq!(appraisal, Appraisal { loss: 0.5, q_mean: 1.5, q_max: 4.0, errors: vec![2.0, 3.0] });
        assert_eq!(appraisal.error(), 2.5);
    }
}
