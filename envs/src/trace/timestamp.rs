//! Dates such as `2023-11-16 18:15:46.6805900`, as a count of nanoseconds.

/// What is read, for messages.
pub(super) const ACCEPTED: &str = "a date in UTC such as 2023-11-16 18:15:46.6805900, from 1970 to 2199";

/// Nanoseconds since 1970 of a date and time in UTC: `year-month-day`, then a blank or a T, then
/// `hour:minute:second` with an optional fraction, and nothing, Z or +00:00 behind it. Digits of the fraction behind
/// the ninth are dropped.
pub(super) fn nanoseconds(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00")).unwrap_or(text);
    let (date, time) = text.split_once([' ', 'T'])?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = three(date, '-')?;
    let [hour, minute, second] = three(time, ':')?;
    let valid = (1970..=2199).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    let fraction = fraction_ns(fraction)?;
    valid.then_some(seconds * 1_000_000_000 + fraction)
}

/// Three numbers of one to four digits.
fn three(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| if part.len() <= 4 { digits(part) } else { None });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn fraction_ns(text: &str) -> Option<i64> {
    let kept = text.get(..text.len().min(9))?;
    let dropped = &text[kept.len()..];
    if !dropped.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits(&format!("{kept:0<9}")).filter(|_| !kept.is_empty())
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 to a date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let years: i64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::nanoseconds;

    #[test]
    fn dates_are_the_seconds_that_a_unix_clock_shows() {
        // `date -u -d "2023-11-16 18:15:46" +%s` and its like.
        let cases = [
            ("1970-01-01 00:00:00", 0),
            ("2000-02-29 23:59:59", 951_868_799_000_000_000),
            ("2023-11-16 18:15:46.6805900", 1_700_158_546_680_590_000),
            ("2024-05-10T00:00:00.009930+00:00", 1_715_299_200_009_930_000),
            ("2100-03-01 00:00:00Z", 4_107_542_400_000_000_000),
        ];
        for (text, expected) in cases {
            assert_eq!(nanoseconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        let wrong = ["", "2023-11-16", "2023-02-29 00:00:00", "2023-13-01 00:00:00", "2023-1-1 24:00:00"];
        let odd =
            ["99999999999999999999-1-1 0:0:0", "2023-11-16 18:15:46.", "2023-11-16 18:15:46.x", "2023-11-16 1:2:3:4"];
        for text in wrong.into_iter().chain(odd).chain(["2023-11-16 18:15:46.12345678é", "2023-11-16 18:15:46+02:00"])
        {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }
}
