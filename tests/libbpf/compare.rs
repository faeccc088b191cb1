//! Holds two answers about one object against each other: what libbpf made of it and what we did.

use std::fmt;

use serde_json::Value;

use super::causes;

/// Something that differs.
#[derive(Debug)]
pub(crate) struct Difference {
    /// The file.
    pub(crate) object: String,
    /// The program or map; empty for the object itself.
    pub(crate) subject: String,
    /// What of it.
    pub(crate) field: String,
    theirs: String,
    ours: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference {
            object,
            subject,
            field,
            theirs,
            ours,
        } = self;
        write!(
            f,
            "{object},{subject},{field}: libbpf {theirs}, here {ours}"
        )
    }
}

/// All that differs.
pub(crate) fn compare(object: &str, theirs: &Value, ours: &Value) -> Vec<Difference> {
    let mut found = Comparison {
        object,
        differences: Vec::new(),
    };
    found.outcome("", "open", &theirs["open"], &ours["open"]);
    if theirs["open"]["errno"] == 0 && ours["open"].is_null() {
        for list in ["programs", "maps"] {
            found.list(list, &theirs[list], &ours[list]);
        }
        found.outcome("", "load", &theirs["object"], &ours["object"]);
        if theirs["load"]["errno"] == 0 {
            for list in ["created", "slots", "contents"] {
                found.list(list, &theirs[list], &ours[list]);
            }
        }
        found.loaded(&theirs["loaded"], &ours["loaded"]);
    }
    found.differences
}

fn elements(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

struct Comparison<'a> {
    object: &'a str,
    differences: Vec<Difference>,
}

impl Comparison<'_> {
    fn differ(&mut self, subject: &str, field: &str, theirs: String, ours: String) {
        self.differences.push(Difference {
            object: self.object.to_owned(),
            subject: subject.to_owned(),
            field: field.to_owned(),
            theirs,
            ours,
        });
    }

    fn equal(&mut self, subject: &str, field: &str, theirs: &Value, ours: &Value) {
        if theirs != ours {
            self.differ(subject, field, theirs.to_string(), ours.to_string());
        }
    }

    /// Success or the cause of failure. Theirs is error number and log, ours a sentence or null.
    fn outcome(&mut self, subject: &str, field: &str, theirs: &Value, ours: &Value) {
        let their_cause = match &theirs["errno"] {
            errno if *errno == 0 || errno.is_null() => "success".to_owned(),
            _ => causes::theirs(theirs["log"].as_str().unwrap_or_default()),
        };
        let our_cause = ours.as_str().map_or("success".to_owned(), causes::ours);
        if their_cause != our_cause {
            self.differ(subject, field, their_cause, our_cause);
        }
    }

    /// Lists of objects with a name, in order.
    fn list(&mut self, list: &str, theirs: &Value, ours: &Value) {
        let (theirs, ours) = (elements(theirs), elements(ours));
        let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
        let names = |list: &[Value]| list.iter().map(name).collect::<Vec<_>>().join(" ");
        if names(theirs) != names(ours) {
            self.differ("", list, names(theirs), names(ours));
            return;
        }
        for (theirs, ours) in theirs.iter().zip(ours) {
            match theirs.as_object() {
                Some(fields) => {
                    for (field, value) in fields {
                        self.equal(
                            &name(theirs),
                            &format!("{list} {field}"),
                            value,
                            &ours[field],
                        );
                    }
                }
                None => self.equal("", list, theirs, ours),
            }
        }
        if theirs.len() != ours.len() {
            self.differ("", list, theirs.len().to_string(), ours.len().to_string());
        }
    }

    fn loaded(&mut self, theirs: &Value, ours: &Value) {
        for theirs in elements(theirs) {
            let name = theirs["name"].as_str().unwrap_or_default();
            let Some(ours) = elements(ours).iter().find(|ours| ours["name"] == name) else {
                continue;
            };
            self.outcome(name, "load", &theirs["load"], &ours["load"]);
            if theirs["load"]["errno"] != 0 || !ours["load"].is_null() {
                continue;
            }
            for (field, value) in theirs.as_object().into_iter().flatten() {
                match field.as_str() {
                    "load" | "name" => {}
                    "insns" => self.insns(name, value, &ours[field]),
                    _ => self.equal(name, &format!("loaded {field}"), value, &ours[field]),
                }
            }
        }
    }

    /// Instructions, hexadecimal: where they differ first.
    fn insns(&mut self, name: &str, theirs: &Value, ours: &Value) {
        let split = |value: &Value| {
            let text = value.as_str().unwrap_or_default().as_bytes();
            let slots = text.chunks(16);
            slots
                .map(|slot| String::from_utf8_lossy(slot).into_owned())
                .collect::<Vec<_>>()
        };
        let (theirs, ours) = (split(theirs), split(ours));
        if theirs.len() != ours.len() {
            let count = |slots: &[String]| format!("{} instructions", slots.len());
            self.differ(name, "insns", count(&theirs), count(&ours));
            return;
        }
        let mut pairs = theirs.iter().zip(&ours).enumerate();
        if let Some((pc, (theirs, ours))) = pairs.find(|(_, (theirs, ours))| theirs != ours) {
            self.differ(name, "insns", format!("at {pc} {theirs}"), ours.clone());
        }
    }
}
