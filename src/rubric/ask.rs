//! The questions of a rubric: [`Question`]s whose texts may hold placeholders.

use crashcart_facts::Question;
use serde::Deserialize;
use serde_json::Value;

use super::{Placeholder, RenderError, Template, Values};

/// A question as the rubric writes it.
#[derive(Clone, Debug)]
pub struct Ask {
    /// With placeholders in its texts, and 0 where a number is a placeholder.
    question: Question,
    /// Numbers that are placeholders: the field's name and its text.
    numbers: Vec<(String, Template)>,
}

/// A question could not be made of what the rubric says and the attempt holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// A placeholder has no value.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// What was filled in does not fit there.
    #[error("`{value}` is no `{field}`")]
    Unfit {
        /// The field of the question.
        field: String,
        /// What was filled in.
        value: String,
    },
}

impl Ask {
    /// Puts a question together; `numbers` replace the fields that they name.
    pub(crate) fn new(question: Question, numbers: Vec<(String, Template)>) -> Self {
        Self { question, numbers }
    }

    /// The question with its placeholders still in it.
    pub fn template(&self) -> &Question {
        &self.question
    }

    /// Its name in a rubric: `kernel-parameter`.
    pub fn kind(&self) -> &'static str {
        self.question.kind()
    }

    /// Every text in it, with the keys that lead there.
    pub(crate) fn texts(&self) -> Vec<(Vec<crate::document::Step>, String)> {
        let mut found = Vec::new();
        let value = serde_json::to_value(&self.question).expect("questions serialise");
        collect_texts(&value, &mut Vec::new(), &mut found);
        for (field, template) in &self.numbers {
            found.push((vec![self.kind().into(), field.as_str().into()], template.as_str().to_string()));
        }
        found
    }

    /// What must be filled in. Malformed texts were refused when the rubric was loaded.
    pub fn placeholders(&self) -> Vec<Placeholder> {
        self.texts()
            .into_iter()
            .filter_map(|(_, text)| Template::try_from(text).ok())
            .flat_map(|template| template.placeholders().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// The question as it is put to the node.
    pub fn render(&self, values: &Values<'_>) -> Result<Question, AskError> {
        let mut value = serde_json::to_value(&self.question).expect("questions serialise");
        fill_in(&mut value, values)?;
        for (field, template) in &self.numbers {
            let text = template.render(values)?;
            let unfit = || AskError::Unfit { field: field.clone(), value: text.clone() };
            let number: u64 = text.trim().parse().map_err(|_| unfit())?;
            let slot = value.get_mut(self.kind()).and_then(|fields| fields.get_mut(field.as_str()));
            *slot.expect("the field was there when the rubric was loaded") = number.into();
            Question::deserialize(&value).map_err(|_| unfit())?;
        }
        Ok(Question::deserialize(&value).expect("texts were replaced by texts"))
    }
}

fn collect_texts(
    value: &Value,
    at: &mut Vec<crate::document::Step>,
    found: &mut Vec<(Vec<crate::document::Step>, String)>,
) {
    match value {
        Value::String(text) => found.push((at.clone(), text.clone())),
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                at.push(i.into());
                collect_texts(item, at, found);
                at.pop();
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                at.push(key.as_str().into());
                collect_texts(field, at, found);
                at.pop();
            }
        }
        _ => {}
    }
}

fn fill_in(value: &mut Value, values: &Values<'_>) -> Result<(), RenderError> {
    match value {
        Value::String(text) => {
            if let Ok(template) = Template::try_from(text.clone()) {
                *text = template.render(values)?;
            }
        }
        Value::Array(items) => {
            for item in items {
                fill_in(item, values)?;
            }
        }
        Value::Object(fields) => {
            for field in fields.values_mut() {
                fill_in(field, values)?;
            }
        }
        _ => {}
    }
    Ok(())
}
