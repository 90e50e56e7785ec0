//! Bad input: exit code, message, and that nothing was touched.

use std::fs;

use crate::{contents, copied_run, csv_rows, mec_gym, run_smoke, shared_run, smoke};

/// A run with `--set change`, which must be refused before anything is written.
fn refuse_change(change: &str, parts: &[&str]) {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("run");
    run_smoke(&out, &["--set", change]).refused(1, parts);
    assert!(!out.exists(), "{change}");
}

#[test]
fn values_that_cannot_be_are_refused_with_place_and_range() {
    let refused: &[(&str, &[&str])] = &[
        ("runtime.stepz=3", &["--set runtime.stepz=3", "stepz", "`steps`"]),
        ("runtime.steps=many", &["--set runtime.steps=many", "\"many\"", "runtime.steps"]),
        ("runtime.steps=-3", &["runtime.steps", "-3"]),
        ("runtime.steps=0", &["runtime.steps is 0", "1 or more"]),
        ("runtime.mode=fast", &["`fast`", "`lockstep`"]),
        ("runtime.actors=0", &["runtime.actors is 0", "1 to 1024"]),
        ("runtime.actors=100000", &["runtime.actors is 100000", "1 to 1024"]),
        ("runtime", &["--set runtime", "key=value"]),
        ("=3", &["--set =3", "key"]),
        ("seeds=[]", &["seeds is empty"]),
        ("seeds=[-1]", &["-1", "seeds"]),
        ("name=../up", &["name is \"../up\""]),
        ("form=cube", &["`cube`", "`task`"]),
        ("device=gpu", &["`gpu`", "`cpu`"]),
        ("algorithm.name=dsac", &["`dsac`", "`dsaco`"]),
        ("algorithm.gama=0.9", &["gama", "`gamma`"]),
        ("algorithm.gamma=2", &["algorithm", "gamma is 2", "below 1"]),
        ("algorithm.batch_size=0", &["batch_size is 0", "1 to 2^20"]),
        ("scenario.servers=[]", &["servers is 0 servers", "1 to 100000 servers"]),
        ("scenario.models=[]", &["models is empty", "one network or more"]),
        ("scenario.horizon_s=0", &["horizon_s is 0", "0.001 to 1000000"]),
        ("scenario.horizon_s=nan", &["horizon_s is NaN", "0.001 to 1000000"]),
        ("scenario.preset=moon", &["\"moon\"", "default"]),
        ("scenario.link={kind='constant', rate_mbit=-5}", &["link.rate_mbit is -5", "0.001 to 1e15"]),
        (
            "scenario.devices=[{processor='phone', count=2, rate_hz=-1.0, transmit_power_w=1.0}]",
            &["devices[0].rate_hz is -1", "0 or more"],
        ),
        ("scenario.servers=[{processor='xeon', count=1, executors=1}]", &["servers[0].processor is xeon", "xeon-6248"]),
        (
            "scenario.models=[{name='alexnett', weight=1.0, deadline_s=1.0}]",
            &["models[0].name is alexnett", "one of alexnet,"],
        ),
        ("comparison.schemes=['nearst']", &["comparison.schemes", "\"nearst\"", "nearest"]),
        ("comparison.first_seed=1000000", &["comparison.first_seed", "evaluation"]),
        ("evaluation.episodes=0", &["evaluation.episodes is 0"]),
    ];
    for (change, parts) in refused {
        refuse_change(change, parts);
    }
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_device_that_is_not_compiled_in_is_refused_with_those_that_are() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("run");
    run_smoke(&out, &["--device", "cuda"]).refused(1, &["cuda", "available are cpu"]);
    assert!(!out.exists());
}

#[test]
fn configuration_files_that_cannot_be_read_are_named() {
    let home = tempfile::tempdir().unwrap();
    let refuse = |name: &str, content: Option<&[u8]>, parts: &[&str]| {
        let path = home.path().join(name);
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let out = home.path().join("out");
        mec_gym(&["run", path.to_str().unwrap(), "--out", out.to_str().unwrap()])
            .refused(1, &[&[path.to_str().unwrap()], parts].concat());
        assert!(!out.exists());
    };
    refuse("missing.toml", None, &["No such file"]);
    refuse(".", None, &["directory"]);
    refuse("latin1.toml", Some(b"name = \"caf\xe9\""), &["UTF-8"]);
    refuse("prose.toml", Some(b"Dear reader,\nhello"), &["line 1"]);
    refuse("unknown.toml", Some(b"name = \"x\"\n\n[runtime]\nstepz = 3\n"), &["line 4", "stepz", "`steps`"]);
    refuse("wrong.toml", Some(b"seeds = 7\n"), &["line 1", "seeds"]);
    refuse("range.toml", Some(b"[runtime]\nactors = 0\n"), &["runtime.actors is 0"]);
    refuse("partial.toml", Some(b"[scenario]\nname = \"mine\"\n"), &["horizon_s", "preset = \"default\""]);
}

#[test]
fn misuse_of_flags_exits_with_2() {
    let smoke = smoke();
    let misused: &[(&[&str], &[&str])] = &[
        (&["fly"], &["fly"]),
        (&["run", "--flag"], &["--flag"]),
        (&["run", &smoke, "second.toml"], &["second.toml"]),
        (&["run", &smoke, "--actors", "0"], &["--actors", "0"]),
        (&["run", &smoke, "--actors", "-2"], &["--actors", "-2"]),
        (&["run", &smoke, "--seed", "-1"], &["--seed", "'-1'", "0 to 2^63 - 1"]),
        (&["run", &smoke, "--seed", "18446744073709551615"], &["--seed", "2^63"]),
        (&["run", &smoke, "--device", "gpu"], &["--device", "cpu, ndarray, wgpu, cuda, auto"]),
        (&["run", &smoke, "--set"], &["--set"]),
        (&["simulate"], &["--policy"]),
        (&["simulate", "--policy", "nearest", "--episodes", "0"], &["--episodes"]),
        (&["simulate", "--policy", "nearest", "--render", "human"], &["--render", "human", "ansi"]),
        (&["simulate", "--policy", "nearest", "--render", "ansi", "--json"], &["--render", "--json"]),
        (&["simulate", "--policy", "nearest", "--render", "ansi", "--speed", "-1"], &["--speed", "'-1'", "0 or more"]),
        (
            &["simulate", "--policy", "nearest", "--render", "ansi", "--speed", "nan"],
            &["--speed", "'nan'", "0 or more"],
        ),
        (&["simulate", "--policy", "nearest", "--render", "ansi", "--speed", "inf"], &["--speed", "'inf'"]),
        (&["simulate", "--policy", "nearest", "--speed", "2"], &["--render"]),
        (&["simulate", "--policy", "nearest", "--from", "2"], &["--gantt"]),
        (&["simulate", "--policy", "nearest", "--gantt", "a.svg", "--from", "-2"], &["--from", "'-2'", "0 or more"]),
        (&["simulate", "--policy", "nearest", "--gantt", "a.svg", "--to", "nan"], &["--to", "'nan'", "seconds"]),
        (&["evaluate"], &["FOLDER"]),
        (&["evaluate", "somewhere", "--checkpoint", "worst"], &["worst", "best"]),
        (&["partition"], &["MODEL"]),
        (&["plot"], &["FOLDER"]),
    ];
    for (arguments, parts) in misused {
        let answer = mec_gym(arguments);
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{arguments:?}: {}", answer.err);
        for part in *parts {
            assert!(answer.err.contains(part), "{arguments:?}: {part:?} is not in: {}", answer.err);
        }
    }
}

#[test]
fn unknown_names_are_refused_with_those_there_are() {
    let smoke = smoke();
    let refused: &[(&[&str], &[&str])] = &[
        (&["simulate", "--policy", "nearst"], &["--policy", "\"nearst\"", "nearest"]),
        (&["simulate", "--policy", "forecasting-greedy=-1"], &["forecasting-greedy=FACTOR"]),
        (&["simulate", "--policy", "nearest", "--config", "missing.toml"], &["missing.toml", "No such file"]),
        (
            &["simulate", "--policy", "nearest", "--config", &smoke, "--events", "/missing/events.csv"],
            &["/missing/events.csv"],
        ),
        (&["models", "alexnett"], &["\"alexnett\"", "alexnet,"]),
        (&["partition", "alexnett"], &["\"alexnett\"", "alexnet,"]),
        (&["partition", "alexnet", "--device", "toaster"], &["--device", "\"toaster\"", "phone"]),
        (&["partition", "alexnet", "--server", "toaster"], &["--server", "\"toaster\"", "nvidia-t4"]),
        (&["partition", "alexnet", "--rate", "20"], &["--rate", "\"20\"", "Mbit/s"]),
        (&["partition", "alexnet", "--rate=-1Mbit/s"], &["--rate", "above 0"]),
        (&["partition", "alexnet", "--backlog", "-1"], &["--backlog", "-1", "0 or more"]),
        (&["partition", "alexnet", "--backlog", "nan"], &["--backlog", "NaN"]),
        (&["evaluate", "/missing"], &["/missing", "run.json"]),
        (&["plot", "/missing"], &["/missing", "run.json"]),
    ];
    for (arguments, parts) in refused {
        mec_gym(arguments).refused(1, parts);
    }
}

#[test]
fn an_existing_run_is_never_touched_without_force() {
    let before = contents(shared_run());
    run_smoke(shared_run(), &[]).refused(1, &[shared_run().to_str().unwrap(), "--force"]);
    // What is refused for another reason does not cost the earlier run either.
    run_smoke(shared_run(), &["--force", "--set", "runtime.steps=0"]).refused(1, &["runtime.steps"]);
    run_smoke(shared_run(), &["--force", "--set", "algorithm.gamma=2"]).refused(1, &["gamma"]);
    assert_eq!(contents(shared_run()), before);
}

#[test]
fn force_does_not_replace_what_is_no_run() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config.toml"), "thesis").unwrap();
    run_smoke(home.path(), &["--force"]).refused(1, &["no run folder", "run.json"]);
    assert_eq!(contents(home.path()), [(home.path().join("config.toml"), b"thesis".to_vec())]);
}

#[test]
fn broken_checkpoints_are_refused_by_name() {
    let whole = fs::read(shared_run().join("ckpt/dsaco-seed1-best.safetensors")).unwrap();
    let (_home, run) = copied_run();
    let path = run.join("ckpt/dsaco-seed1-best.safetensors");
    let refuse = |more: &[&str], parts: &[&str]| {
        let arguments = [&["evaluate", run.to_str().unwrap(), "--quiet"], more].concat();
        mec_gym(&arguments).refused(1, &[&["dsaco-seed1-best.safetensors"], parts].concat());
    };
    for length in [0, 8, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        refuse(&[], &["expected"]);
    }
    for position in [0, 400, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[position] ^= 0x10;
        fs::write(&path, &flipped).unwrap();
        refuse(&[], &["expected"]);
    }
    fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
    refuse(&[], &["expected"]);
    fs::write(&path, &whole).unwrap();
    refuse(&["--set", "algorithm.body.hidden=[8, 8]"], &["config/body", "here it is", "[8,8]"]);
    fs::remove_file(&path).unwrap();
    refuse(&[], &["No such file"]);
    fs::create_dir(&path).unwrap();
    refuse(&[], &["directory"]);
}

#[test]
fn the_checkpoint_of_another_method_does_not_load() {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run");
    run_smoke(&run, &["--set", "algorithm={name = 'uniform'}", "--set", "runtime.steps=100"]).done();
    let ours = run.join("ckpt/uniform-seed1-best.safetensors");
    fs::copy(shared_run().join("ckpt/dsaco-seed1-best.safetensors"), &ours).unwrap();
    mec_gym(&["evaluate", run.to_str().unwrap(), "--quiet"])
        .refused(1, &["uniform-seed1-best.safetensors", "learner", "does not belong"]);
}

#[test]
fn broken_files_of_a_run_are_refused_by_name_and_pictures_stay() {
    let (_home, run) = copied_run();
    let refuse = |command: &str, name: &str, content: Option<&[u8]>, parts: &[&str]| {
        let path = run.join(name);
        let saved = fs::read(&path).unwrap();
        match content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let before = contents(&run);
        mec_gym(&[command, run.to_str().unwrap()]).refused(1, &[&[path.to_str().unwrap()], parts].concat());
        assert_eq!(contents(&run), before, "{command} with broken {name}");
        fs::write(&path, saved).unwrap();
    };
    let eval = fs::read(run.join("eval.csv")).unwrap();
    let header = csv_rows(&run.join("eval.csv")).0.join(",") + "\n";
    let comparison = fs::read(run.join("comparison.csv")).unwrap();
    for command in ["plot", "evaluate"] {
        refuse(command, "config.toml", None, &["No such file"]);
        refuse(command, "config.toml", Some(b"name = "), &["line 1"]);
        refuse(command, "config.toml", Some(b"[runtime]\nsteps = 0\n"), &["runtime.steps"]);
    }
    refuse("plot", "eval.csv", None, &["No such file"]);
    refuse("plot", "eval.csv", Some(b""), &["columns"]);
    refuse("plot", "eval.csv", Some(b"a,b\n1,2\n"), &["columns", "run_id"]);
    refuse("plot", "eval.csv", Some(header.as_bytes()), &["no finite value"]);
    refuse("plot", "eval.csv", Some(&eval[..eval.len() - 30]), &["line"]);
    refuse("plot", "eval.csv", Some(b"\xff\xfe"), &[]);
    refuse("plot", "comparison.csv", Some(b"scheme\n"), &["columns"]);
    refuse("plot", "comparison.csv", Some(&comparison[..comparison.len() - 30]), &["line"]);
}
