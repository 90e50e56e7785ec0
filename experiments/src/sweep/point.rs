//! The scenario of a point: that of the sweep, with values put over it and numbers multiplied.

use mec_envs::offload::Scenario;
use toml::Value;

use super::config::PointConfig;

/// What is done to the value at the end of a path; `None` where there is none yet.
type Change<'c> = &'c mut dyn FnMut(Option<Value>) -> Result<Value, String>;

/// The scenario of a point, whose ranges are not checked yet.
pub(super) fn scenario(base: &Scenario, point: &PointConfig) -> Result<Scenario, String> {
    let mut set = point.set.clone();
    let base = match set.remove("preset") {
        None => base.clone(),
        Some(Value::String(preset)) => Scenario::preset(&preset).map_err(|error| error.to_string())?,
        Some(other) => return Err(format!("set.preset is {other}; accepted is the name of a preset")),
    };
    let mut table = Value::try_from(base).map_err(|error| error.to_string())?;
    for (path, value) in set {
        change(&mut table, &path, &mut |_| Ok(value.clone()))?;
    }
    for (path, factor) in &point.scale {
        change(&mut table, path, &mut |old| scaled(old, *factor))?;
    }
    let table = table.try_into::<toml::Table>().map_err(|error| error.to_string())?;
    Scenario::from_table(table).map_err(|error| error.to_string())
}

fn change(table: &mut Value, path: &str, act: Change<'_>) -> Result<(), String> {
    let keys: Vec<&str> = path.split('.').collect();
    at(table, &keys, act).map_err(|(place, message)| format!("{}: {message}", place.join(".")))
}

/// Changes what the keys lead to; an error comes with the keys to its place.
fn at(value: &mut Value, keys: &[&str], act: Change<'_>) -> Result<(), (Vec<String>, String)> {
    let [key, rest @ ..] = keys else { return Ok(()) };
    let below = |key: &str| {
        let key = key.to_owned();
        move |(mut place, message): (Vec<String>, String)| {
            place.insert(0, key);
            (place, message)
        }
    };
    match value {
        Value::Table(table) if rest.is_empty() => {
            let old = table.get(*key).cloned();
            let new = act(old).map_err(|message| (vec![(*key).to_owned()], message))?;
            table.insert((*key).to_owned(), new);
            Ok(())
        }
        Value::Table(table) => {
            let nothing = || Value::Table(toml::Table::new());
            at(table.entry((*key).to_owned()).or_insert_with(nothing), rest, act).map_err(below(key))
        }
        Value::Array(entries) if *key == "*" && !rest.is_empty() => {
            let mut each = entries.iter_mut().enumerate();
            each.try_for_each(|(index, entry)| at(entry, rest, &mut *act).map_err(below(&index.to_string())))
        }
        Value::Array(entries) => {
            let count = entries.len();
            let entry = key.parse().ok().and_then(|index: usize| entries.get_mut(index)).filter(|_| !rest.is_empty());
            let accepted =
                || format!("there are {count} entries; accepted is a number below that or *, and a key in it");
            let entry = entry.ok_or_else(|| (vec![(*key).to_owned()], accepted()))?;
            at(entry, rest, act).map_err(below(key))
        }
        other => Err((vec![(*key).to_owned()], format!("{other} holds no keys"))),
    }
}

fn scaled(old: Option<Value>, factor: f64) -> Result<Value, String> {
    match old {
        Some(Value::Float(number)) => Ok(Value::Float(number * factor)),
        Some(Value::Integer(number)) => {
            let product = number as f64 * factor;
            // Products of decimal fractions miss whole numbers by some last digits.
            let whole = (product - product.round()).abs() < 1e-9 * product.abs().max(1.0);
            whole
                .then(|| Value::Integer(product.round() as i64))
                .ok_or_else(|| format!("{number} times {factor} is not whole"))
        }
        Some(other) => Err(format!("{other} is no number")),
        None => Err("there is nothing to scale".to_owned()),
    }
}
