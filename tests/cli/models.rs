//! `models add`, and networks of a user's own.

use std::fs;
use std::path::Path;

use crate::{mec_gym, read};

/// A profile of alexnet under another name.
fn own_profile(folder: &Path) -> String {
    let shipped = format!("{}/envs/models/alexnet.toml", env!("CARGO_MANIFEST_DIR"));
    let text = read(Path::new(&shipped)).replace("name = \"alexnet\"", "name = \"mine\"");
    let path = folder.join("mine.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_profile_of_ones_own_is_shown_cut_and_simulated_by_its_path() {
    let home = tempfile::tempdir().unwrap();
    let path = own_profile(home.path());
    assert_eq!(mec_gym(&["models", &path]).done().out, mec_gym(&["models", "alexnet"]).done().out);
    let answer = mec_gym(&["partition", &path, "--json"]).done().json();
    assert_eq!(answer["model"], "mine");
    let models = format!("scenario.models=[{{name='{path}', weight=1.0, deadline_s=1.0}}]");
    let simulate = ["simulate", "--policy", "nearest", "--set", "scenario.horizon_s=5", "--set"];
    mec_gym(&[&simulate[..], &[&models]].concat()).done();
}

#[test]
fn a_profile_that_was_edited_by_hand_is_refused_by_layer_and_field() {
    let home = tempfile::tempdir().unwrap();
    let path = own_profile(home.path());
    let edits = [
        (
            "output_bytes = 1119744 },\n  { name = \"relu_1\"",
            "},\n  { name = \"relu_1\"",
            "missing field `output_bytes`",
        ),
        ("inputs = [\"conv_1\"]", "inputs = [\"conv_9\"]", "layer \"relu_1\", field inputs: no layer \"conv_9\""),
        ("inputs = [\"conv_1\"]", "inputs = []", "layer \"relu_1\", field inputs: empty"),
        ("inputs = [\"input\"]", "inputs = [\"relu_1\"]", "depends on its own output"),
        ("op = \"LRN\"", "op = \"Wish\"", "layer \"lrn_1\", field op: the kind of operator \"Wish\" is not known"),
        ("flop = 203233536", "flop = -1", "layer \"conv_1\", field flop: -1"),
        ("param_bytes = 139776, ", "", "missing field `param_bytes`"),
    ];
    let good = read(Path::new(&path));
    for (from, to, message) in edits {
        assert!(good.contains(from), "{from}");
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        mec_gym(&["partition", &path]).refused(1, &["mine.toml", message]);
        let models = format!("scenario.models=[{{name='{path}', weight=1.0, deadline_s=1.0}}]");
        mec_gym(&["simulate", "--policy", "nearest", "--set", &models]).refused(1, &["models[0].name", message]);
    }
    mec_gym(&["models", "no/such.toml"]).refused(1, &["no/such.toml", "No such file"]);
    mec_gym(&["models", "skynet"]).refused(1, &["skynet", "ends in .toml", "bert-base"]);
}

#[cfg(not(feature = "onnx"))]
#[test]
fn a_build_without_onnx_says_how_to_get_it() {
    mec_gym(&["models", "add", "net.onnx"]).refused(1, &["net.onnx", "--features onnx"]);
}

#[cfg(feature = "onnx")]
mod onnx {
    use super::*;

    fn file(name: &str) -> String {
        format!("{}/envs/tests/data/onnx/{name}.onnx", env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn an_onnx_file_becomes_a_profile_that_the_other_commands_read() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("nets").join("mine.toml");
        let out = out.to_str().unwrap();
        let add = ["models", "add", &file("squeezenet"), "--name", "mine", "--licence", "MIT", "--out", out];
        let answer = mec_gym(&add).done().out;
        assert!(answer.contains("65 layers, 0.70 GFLOP") && answer.contains("of 98 cuts"), "{answer}");
        let text = read(Path::new(out));
        assert!(text.contains("name = \"mine\"") && text.contains("licence = \"MIT\""), "{text}");
        assert_eq!(mec_gym(&["models", out]).done().out, mec_gym(&["models", "squeezenet"]).done().out);
        mec_gym(&add).refused(1, &["mine.toml is there already", "--force"]);
        mec_gym(&[&add[..], &["--force", "--input-bytes", "20000"]].concat()).done();
        assert!(read(Path::new(out)).contains("input_bytes = 20000\n"));
    }

    #[test]
    fn what_yields_no_profile_is_refused_and_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("net.toml");
        let refuse = |arguments: &[&str], code: i32, parts: &[&str]| {
            mec_gym(&[&["models", "add"], arguments, &["--out", out.to_str().unwrap()]].concat()).refused(code, parts);
            assert!(!out.exists());
        };
        let squeezenet = file("squeezenet");
        refuse(&["no/such.onnx"], 1, &["no/such.onnx", "No such file"]);
        refuse(&[&format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"))], 1, &["Cargo.toml", "no ONNX file"]);
        refuse(&[&squeezenet, "--dim", "batch=1"], 1, &["no input has the open dimension \"batch\"", "none"]);
        refuse(&[&squeezenet, "--dim", "batch=0"], 2, &["--dim", "above 0"]);
        refuse(&[&squeezenet, "--zero-op", "Conv"], 1, &["no unknown operator \"Conv\""]);
        refuse(&[&squeezenet, "--input-bytes", "-1"], 1, &["--input-bytes is -1", "above 0"]);
        refuse(&[&squeezenet, "--name", "a/b"], 1, &["--name", "without slashes"]);
        let answer = mec_gym(&["models", "add", &squeezenet, "--name", "mine", "--out", "net.json"]);
        answer.refused(1, &["--out net.json", ".toml"]);
        mec_gym(&["models", "add", &squeezenet]).refused(1, &["squeezenet", "ships with mec-gym"]);
    }
}
