//! A CDI specification: what each device of a kind is, and what a container that gets one of them needs besides.
//!
//! The fields are those of the Container Device Interface specification that a GPU needs
//! (<https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md>); others are kept out of what is
//! written and passed over in what is read.

use serde::{Deserialize, Serialize};
use serde_yaml_ng::Value;

/// The newest that podman, containerd and CRI-O have all known for long, and what such a specification gets along with.
pub const VERSION: &str = "0.5.0";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    pub cdi_version: String,
    /// `VENDOR/CLASS`.
    pub kind: String,
    #[serde(default)]
    pub devices: Vec<Device>,
    /// For every container that gets any of the devices.
    #[serde(default, skip_serializing_if = "Edits::is_empty")]
    pub container_edits: Edits,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    pub name: String,
    #[serde(default)]
    pub container_edits: Edits,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Edits {
    /// `NAME=VALUE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_nodes: Vec<DeviceNode>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Hook>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
}

impl Edits {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceNode {
    pub path: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hook {
    pub hook_name: String,
    pub path: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    pub host_path: String,
    pub container_path: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

impl Spec {
    /// As go-yaml lays it out: four columns for each level, the items of a list below its name and to the right.
    pub fn yaml(&self) -> String {
        let mut text = "---\n".to_owned();
        let value = serde_yaml_ng::to_value(self).expect("strings and lists are YAML");
        write(&mut text, &value, 0, false);
        text
    }

    /// On one line, as Go's encoder has it.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("strings and lists are JSON")
    }
}

/// `continues`: the first line is begun already, behind the dash of a list.
fn write(text: &mut String, value: &Value, column: usize, continues: bool) {
    let margin = " ".repeat(column);
    match value {
        Value::Sequence(items) => {
            for item in items {
                text.push_str(&margin);
                text.push_str("- ");
                write(text, item, column + 2, true);
            }
        }
        Value::Mapping(fields) if !fields.is_empty() => {
            for (nth, (name, value)) in fields.iter().enumerate() {
                if nth > 0 || !continues {
                    text.push_str(&margin);
                }
                text.push_str(&scalar(name));
                text.push(':');
                let opens = match value {
                    Value::Sequence(items) => !items.is_empty(),
                    Value::Mapping(fields) => !fields.is_empty(),
                    _ => false,
                };
                text.push(if opens { '\n' } else { ' ' });
                // go-yaml puts the inside of a list's item two columns behind its dash, and goes on in fours from there.
                write(text, value, if continues { column + 2 } else { column + 4 }, false);
            }
        }
        word => {
            text.push_str(&scalar(word));
            text.push('\n');
        }
    }
}

/// Plain where every reader takes a plain word for this very text, quoted elsewhere. A JSON string is one in YAML, too.
fn scalar(value: &Value) -> String {
    let word = match value {
        Value::String(word) => word,
        Value::Mapping(_) => return "{}".into(),
        Value::Sequence(_) => return "[]".into(),
        other => unreachable!("a specification has texts alone, and not {other:?}"),
    };
    let signs = |sign: char| sign.is_ascii_alphanumeric() || "-_./:=,+".contains(sign);
    let begins = word.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '/')
        // A dash opens a list only before a space.
        || word.strip_prefix("--").is_some_and(|rest| !rest.is_empty());
    // What YAML 1.1 takes for a truth or for a number to the base of 60, and its successors for a word.
    let older = ["y", "n", "yes", "no", "on", "off"].contains(&word.to_lowercase().as_str())
        || word.chars().all(|sign| sign.is_ascii_digit() || ":.".contains(sign)) && word.contains(':');
    let read = || serde_yaml_ng::from_str::<Value>(word).ok();
    match begins
        && word.chars().all(signs)
        && !word.ends_with(':')
        && !older
        && read().as_ref() == Some(value)
    {
        true => word.clone(),
        false => serde_json::Value::String(word.clone()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Spec {
        let node = |path: &str| DeviceNode { path: path.into() };
        let device = |name: &str| Device {
            name: name.into(),
            container_edits: Edits { device_nodes: vec![node("/dev/nvidia0")], ..Edits::default() },
        };
        Spec {
            cdi_version: VERSION.into(),
            kind: "nvidia.com/gpu".into(),
            devices: vec![device("0"), device("all")],
            container_edits: Edits {
                env: vec!["NVIDIA_VISIBLE_DEVICES=void".into()],
                device_nodes: vec![node("/dev/nvidiactl")],
                hooks: vec![Hook {
                    hook_name: "createContainer".into(),
                    path: "/usr/bin/nvidia-cdi-hook".into(),
                    args: vec!["nvidia-cdi-hook".into(), "--folder".into(), "/usr/lib".into()],
                    env: vec![],
                }],
                mounts: vec![Mount {
                    host_path: "/usr/bin/nvidia-smi".into(),
                    container_path: "/usr/bin/nvidia-smi".into(),
                    options: vec!["ro".into()],
                }],
            },
        }
    }

    #[test]
    fn yaml_is_laid_out_as_the_toolkit_writes_it() {
        let expected = r#"---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
    - name: "0"
      containerEdits:
        deviceNodes:
            - path: /dev/nvidia0
    - name: all
      containerEdits:
        deviceNodes:
            - path: /dev/nvidia0
containerEdits:
    env:
        - NVIDIA_VISIBLE_DEVICES=void
    deviceNodes:
        - path: /dev/nvidiactl
    hooks:
        - hookName: createContainer
          path: /usr/bin/nvidia-cdi-hook
          args:
            - nvidia-cdi-hook
            - --folder
            - /usr/lib
    mounts:
        - hostPath: /usr/bin/nvidia-smi
          containerPath: /usr/bin/nvidia-smi
          options:
            - ro
"#;
        assert_eq!(small().yaml(), expected);
    }

    #[test]
    fn what_is_written_reads_back_in_both_formats() {
        let mut spec = small();
        // Words that YAML would take for something else.
        for odd in
            ["0:0", "0:0:1", "No", "true", "null", "1e3", "a: b", "- x", "#", "~", "0x1f", "", "yes", "é\"\\"]
        {
            spec.container_edits.env.push(odd.into());
        }
        assert!(spec.yaml().contains("- \"0:0\"\n"));
        assert!(spec.yaml().contains("- \"No\"\n"));
        assert_eq!(serde_yaml_ng::from_str::<Spec>(&spec.yaml()).expect("it is YAML"), spec);
        assert_eq!(serde_json::from_str::<Spec>(&spec.json()).expect("it is JSON"), spec);
    }
}
