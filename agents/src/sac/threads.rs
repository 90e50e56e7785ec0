//! [`each`]: work for several critics, shared out among threads.

use rayon::ThreadPool;

/// The results of `work` for all `items`, in their order. Item i is done by thread i modulo their number: the calling
/// one and those of the helpers, which have one each. The result does not depend on their number.
pub(super) fn each<T: Send, R: Send>(
    helpers: &[ThreadPool],
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let mut slots: Vec<(Option<T>, Option<R>)> = items.into_iter().map(|item| (Some(item), None)).collect();
    let threads = (helpers.len() + 1).min(slots.len()).max(1);
    let mut shares: Vec<Vec<&mut (Option<T>, Option<R>)>> = (0..threads).map(|_| Vec::new()).collect();
    for (index, slot) in slots.iter_mut().enumerate() {
        shares[index % threads].push(slot);
    }
    run(helpers, shares, &work);
    slots.into_iter().map(|(_, result)| result.expect("every item is in one share, which is done")).collect()
}

fn run<T: Send, R: Send>(
    helpers: &[ThreadPool],
    mut shares: Vec<Vec<&mut (Option<T>, Option<R>)>>,
    work: &(impl Fn(T) -> R + Sync),
) {
    let finish = |share: Vec<&mut (Option<T>, Option<R>)>| {
        for slot in share {
            slot.1 = slot.0.take().map(work);
        }
    };
    match (helpers.split_first(), shares.len()) {
        (Some((helper, rest)), 2..) => {
            let share = shares.remove(1);
            helper.in_place_scope(|scope| {
                scope.spawn(|_| finish(share));
                run(rest, shares, work);
            });
        }
        _ => shares.into_iter().for_each(finish),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order_whatever_the_threads() {
        let pools: Vec<ThreadPool> =
            (0..3).map(|_| rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap()).collect();
        for helpers in 0..=3 {
            for items in 0..7_usize {
                let expected: Vec<usize> = (0..items).map(|item| item * item).collect();
                assert_eq!(each(&pools[..helpers], 0..items, |item| item * item), expected);
            }
        }
    }
}
