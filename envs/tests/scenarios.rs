//! Every built-in scenario keeps the contract of an environment and is worth playing, and `docs/scenarios.md` names every
//! key with its default.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mec_envs::gym::check_env;
use mec_envs::offload::{Offload, OffloadBoxEnv, OffloadEnv, OffloadForm, OffloadSetEnv, Scenario, Setting};
use mec_envs::schemes::{Scheme, run_episode};

const DOCUMENT: &str = include_str!("../../docs/scenarios.md");

fn setting(preset: &str, horizon_s: f64) -> Arc<Setting> {
    let text = format!("preset = '{preset}'\nhorizon_s = {horizon_s:?}");
    Arc::new(Setting::new(Scenario::from_table(text.parse().unwrap()).unwrap()).unwrap())
}

#[test]
fn every_preset_keeps_the_contract_in_all_three_forms() {
    for preset in Scenario::presets() {
        let setting = setting(preset, 1.0);
        let kept = [
            check_env(|| OffloadEnv::new(Arc::clone(&setting)), 1, 60),
            check_env(|| OffloadBoxEnv::new(Arc::clone(&setting)), 2, 60),
            check_env(|| OffloadSetEnv::new(Arc::clone(&setting)), 3, 20),
        ];
        assert!(kept.iter().all(Result::is_ok), "{preset}: {kept:?}");
    }
}

#[test]
fn equal_seeds_give_equal_episodes_in_every_preset() {
    for preset in Scenario::presets() {
        let setting = setting(preset, 2.0);
        let run = || run_episode(&mut Offload::new(Arc::clone(&setting)), &Scheme::CentralGreedy, 7).unwrap();
        let (first, second) = (run(), run());
        assert!(!first.tasks.is_empty(), "{preset}");
        // Equal texts are equal bits, and NaN, which stands for what has not been, is the same text.
        assert_eq!(format!("{first:?}"), format!("{second:?}"), "{preset}");
    }
}

#[test]
fn every_preset_has_500_to_5000_tasks_of_which_a_good_scheme_saves_many_and_not_all() {
    for preset in Scenario::presets() {
        let setting = Arc::new(Setting::new(Scenario::preset(preset).unwrap()).unwrap());
        let rate: f64 = setting.devices.iter().map(|device| device.rate_hz).sum();
        let tasks = rate * setting.scenario.horizon_s.0;
        assert!((500.0..=5000.0).contains(&tasks), "{preset}: {tasks} tasks");
        let mut offload = Offload::new(setting);
        let mut success = |scheme: Scheme| {
            (0..2).map(|seed| run_episode(&mut offload, &scheme, seed).unwrap().metrics.success_rate).sum::<f64>() / 2.0
        };
        let (device, greedy, oracle) =
            (success(Scheme::DeviceOnly), success(Scheme::CentralGreedy), success(Scheme::OracleGreedy));
        assert!((0.7..0.97).contains(&greedy), "{preset}: central-greedy saves {greedy}");
        assert!(device < greedy && greedy + 0.02 < oracle, "{preset}: {device}, {greedy}, {oracle}");
    }
}

/// Decisions of target and cut, task by task.
fn decisions(cuts: &str, scheme: &Scheme) -> Vec<(usize, usize)> {
    let table = format!("preset = 'default'\nhorizon_s = 5.0\ncuts = '{cuts}'").parse().unwrap();
    let setting = Arc::new(Setting::new(Scenario::from_table(table).unwrap()).unwrap());
    let episode = run_episode(&mut Offload::new(setting), scheme, 3).unwrap();
    episode.tasks.iter().map(|task| (task.target, task.candidate)).collect()
}

#[test]
fn a_scenario_can_take_the_choice_of_the_cut_from_everybody() {
    let (free, blind) = (decisions("cdlp", &Scheme::CentralGreedy), decisions("idle", &Scheme::CentralGreedy));
    assert_eq!(blind, decisions("cdlp", &Scheme::CentralGreedyIdleCuts), "the same scheme by another way");
    assert_ne!(blind, free);
    let whole = decisions("whole", &Scheme::CentralGreedy);
    assert!(whole.iter().any(|(target, _)| *target > 0));
    assert!(whole.iter().all(|(target, candidate)| *target == 0 || *candidate == 0));
    assert!(free.iter().any(|(target, candidate)| *target > 0 && *candidate > 0));
}

/// A table of the schema: its path, the value of its `kind` if it has one, and a scenario in which it stands.
struct Place {
    table: &'static str,
    kind: Option<&'static str>,
    scenario: toml::Table,
}

const MINIMAL: &str = "
    name = 'minimal'
    horizon_s = 5.0
    slot_s = 0.1
    set_size = 4
    area_m = 100.0
    noise_cv = 0.1
    arrivals = { kind = 'poisson' }
    link = { kind = 'constant', rate_mbit = 20.0 }
    network = { measurement_s = 1.0, propagation_s = 0.0, downlink_mbit = 9.0, backhaul_mbit = 9.0, backhaul_s = 0.0 }
    telemetry = { period_s = 1.0, delay_s = 1.0 }
    foreign = { utilisation = 0.1, mean_service_s = 1.0, arrivals = { kind = 'poisson' } }
    reward = { reference_s = 1.0, externality = true, missed_deadline = 0.0, per_joule = 0.0 }
    models = [{ name = 'alexnet', weight = 1.0, deadline_s = 1.0 }]
    devices = [{ processor = 'phone', count = 2, rate_hz = 1.0, transmit_power_w = 1.0 }]
    servers = [{ processor = 'mini-pc', count = 2, executors = 1 }]
";

const ARRIVALS: [(&str, &str); 4] = [
    ("poisson", ""),
    ("mmpp", "burst_factor = 2.0, mean_calm_s = 1.0, mean_burst_s = 1.0"),
    ("diurnal", "period_s = 9.0, profile = [1.0]"),
    ("recorded", "source = 'azure-llm-code-2023'"),
];
const LINKS: [(&str, &str); 3] = [
    ("constant", "rate_mbit = 20.0"),
    (
        "shannon",
        "bandwidth_hz = 1e7, tx_power_w = 0.2, carrier_ghz = 3.5, noise_figure_db = 5.0, shadowing_db = 4.0, shadowing_s = \
         1.0, rayleigh = true, block_s = 0.1",
    ),
    ("recorded", "source = 'fcc'"),
];
const MOBILITIES: [(&str, &str); 3] = [
    ("static", ""),
    ("random_waypoint", "speed_min_mps = 1.0, speed_max_mps = 2.0, pause_s = 0.0"),
    ("recorded", "source = 'eua-users'"),
];
const PROCESSOR: &str = "name = 'abacus', rates = { convolution = 1e9, depthwise_convolution = 1e9, dense = 1e9, vector = \
                         1e9 }, memory = 1e9, overhead = 0.0, compute_power = 2.0, idle_power = 1.0, memory_capacity = 1e9";

/// The table at a path, of arrays of tables the first.
fn at<'a>(root: &'a mut toml::Table, path: &str) -> &'a mut toml::Table {
    path.split('.').filter(|part| !part.is_empty()).fold(root, |table, part| {
        let value = table.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let value = if value.is_array() { &mut value.as_array_mut().unwrap()[0] } else { value };
        value.as_table_mut().unwrap()
    })
}

fn parsed(text: &str) -> toml::Value {
    format!("value = {text}").parse::<toml::Table>().unwrap().remove("value").unwrap()
}

fn places() -> Vec<Place> {
    let place = |table: &'static str, kind, key: &str, value: &str| {
        let mut scenario: toml::Table = MINIMAL.parse().unwrap();
        if !value.is_empty() {
            let (parent, key) = key.rsplit_once('.').unwrap_or(("", key));
            at(&mut scenario, parent).insert(key.to_owned(), parsed(value));
        }
        Place { table, kind, scenario }
    };
    let plain = [
        "",
        "network",
        "network.handover",
        "recordings",
        "telemetry",
        "foreign",
        "reward",
        "models",
        "devices",
        "servers",
    ];
    let mut places: Vec<Place> = plain.into_iter().map(|table| place(table, None, table, "")).collect();
    let memory = "{ capacity_bytes = 1e9, load_bytes_per_s = 1e9 }";
    places.push(place("servers.memory", None, "servers.memory", memory));
    for table in ["processors", "processors.rates"] {
        places.push(place(table, None, "processors", &format!("[{{ {PROCESSOR} }}]")));
    }
    let kinds: [(&'static str, &[(&'static str, &str)]); 4] =
        [("arrivals", &ARRIVALS), ("foreign.arrivals", &ARRIVALS), ("link", &LINKS), ("devices.mobility", &MOBILITIES)];
    for (table, kinds) in kinds {
        for (kind, fields) in kinds {
            places.push(place(
                table,
                Some(*kind),
                table,
                &format!("{{ kind = '{kind}', {fields} }}").replace(", }", " }"),
            ));
        }
    }
    places
}

fn refusal(scenario: toml::Table) -> String {
    Scenario::from_table(scenario).unwrap_err().to_string()
}

/// What stands between backticks, from the second on: what serde accepts where it found the first. The place comes last.
fn accepted(message: &str) -> BTreeSet<String> {
    let line = message.split(" in `").next().unwrap();
    line.split('`').skip(1).step_by(2).skip(1).map(str::to_owned).collect()
}

/// A row of a table of the document: the path of its table, its kind, its key, and its default.
#[derive(Debug)]
struct Row {
    table: String,
    kind: Option<String>,
    key: String,
    default: String,
}

fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Reads headings such as ### `[link]` with `kind = "shannon"` and the rows under them.
fn rows() -> Vec<Row> {
    let (mut tables, mut kind, mut rows) = (Vec::new(), None, Vec::new());
    for line in DOCUMENT.lines().skip_while(|line| *line != "## Schema") {
        if line.starts_with('#') {
            let words = code(line);
            let path = |word: &&str| word.starts_with('[').then(|| word.trim_matches(['[', ']']).to_owned());
            tables = words.iter().filter_map(path).collect();
            if line.contains("Top level") {
                tables.push(String::new());
            }
            kind = words
                .iter()
                .find_map(|word| word.strip_prefix("kind = "))
                .map(|kind| kind.trim_matches('"').to_owned());
        } else if line.starts_with("| `") {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let key = code(cells[1])[0].to_owned();
            let default = code(cells[3]).first().unwrap_or(&cells[3]).to_string();
            let row = |table: &String| Row {
                table: table.clone(),
                kind: kind.clone(),
                key: key.clone(),
                default: default.clone(),
            };
            rows.extend(tables.iter().map(row));
        }
    }
    rows
}

#[test]
fn the_document_names_every_key_and_none_that_does_not_exist() {
    let mut documented: BTreeMap<(String, Option<String>), BTreeSet<String>> = BTreeMap::new();
    for row in rows() {
        assert!(
            documented.entry((row.table.clone(), row.kind.clone())).or_default().insert(row.key.clone()),
            "{row:?} twice"
        );
    }
    documented.get_mut(&(String::new(), None)).unwrap().remove("preset");
    for mut place in places() {
        at(&mut place.scenario, place.table).insert("no_such_key".into(), 1.into());
        let expected = accepted(&refusal(place.scenario));
        let found = documented.remove(&(place.table.to_owned(), place.kind.map(str::to_owned))).unwrap_or_default();
        assert_eq!(found, expected, "[{}] {:?}", place.table, place.kind);
    }
    for (table, kinds) in [("arrivals", 4), ("foreign.arrivals", 4), ("link", 3), ("devices.mobility", 3)] {
        let mut scenario: toml::Table = MINIMAL.parse().unwrap();
        at(&mut scenario, table).insert("kind".into(), "no such kind".into());
        assert_eq!(accepted(&refusal(scenario)).len(), kinds, "a kind of [{table}] is new: add it to this test");
    }
    assert!(documented.is_empty(), "the document has what does not exist: {documented:?}");
}

#[test]
fn the_defaults_of_the_document_are_those_of_the_code() {
    let places = places();
    for row in rows().into_iter().filter(|row| row.key != "preset") {
        let of_row = |place: &&Place| place.table == row.table && place.kind == row.kind.as_deref();
        let mut scenario = places.iter().find(of_row).expect("the other test says so").scenario.clone();
        at(&mut scenario, &row.table).remove(&row.key);
        match row.default.as_str() {
            "required" => assert!(refusal(scenario).contains(&format!("missing field `{}`", row.key)), "{row:?}"),
            default => {
                let read = Scenario::from_table(scenario).unwrap_or_else(|error| panic!("{row:?}: {error}"));
                let mut written: toml::Table = toml::to_string(&read).unwrap().parse().unwrap();
                let value = at(&mut written, &row.table).remove(&row.key);
                let expected = (default != "none").then(|| parsed(default));
                assert_eq!(value, expected, "{row:?}");
            }
        }
    }
}

#[test]
fn the_document_lists_every_preset() {
    for preset in Scenario::presets() {
        assert!(DOCUMENT.contains(&format!("\n| `{preset}` |")), "{preset}");
    }
}
