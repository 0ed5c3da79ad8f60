//! Statements about a pod, evaluated by the program that they are taken from.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use regorus::{Engine, Value};

use crate::symbolic::Answer;

/// The rule that is added to the program: the numbers of the leaves that hold.
const HOLDS: &str = "psp_migrate_holds";

/// Leaves of a program, as text beside it.
#[derive(Default)]
pub(crate) struct Leaves {
    texts: Vec<String>,
    /// Constants that leaves refer to.
    constants: Vec<Value>,
    program: Option<Joined>,
    engine: OnceLock<Answer<(Engine, String)>>,
}

/// The program that leaves are added to.
struct Joined {
    engine: Engine,
    header: String,
    is_v1: bool,
    package: String,
}

impl Leaves {
    /// The number of a leaf that holds if these statements have a solution.
    pub fn number(&mut self, text: String) -> (usize, bool) {
        match self.texts.iter().position(|known| *known == text) {
            Some(known) => (known, false),
            None => {
                self.texts.push(text);
                (self.texts.len() - 1, true)
            }
        }
    }

    /// A text that stands for a constant.
    pub fn constant(&mut self, value: &Value) -> String {
        let at = self.constants.iter().position(|known| known == value).unwrap_or_else(|| {
            self.constants.push(value.clone());
            self.constants.len() - 1
        });
        format!("input.constants[{at}]")
    }

    /// What the leaves say, as text: equal texts say the same.
    pub fn said(&self) -> String {
        format!("{:?}{}", self.texts, Value::from(self.constants.clone()))
    }

    /// The program that they are taken from: `header` is what its module starts with.
    pub fn of_program(&mut self, engine: &Engine, header: String, is_v1: bool, package: &str) {
        self.program = Some(Joined { engine: engine.clone(), header, is_v1, package: package.to_owned() });
    }

    fn joined(&self) -> Answer<(Engine, String)> {
        let Some(Joined { engine, header, is_v1, package }) = &self.program else {
            return Err("there is no program".to_owned());
        };
        let mut module = format!("{header}\n");
        for (at, text) in self.texts.iter().enumerate() {
            let head = if *is_v1 { format!("{HOLDS} contains {at} if") } else { format!("{HOLDS}[{at}]") };
            let _ = write!(module, "\n{head} {{\n\tinput.asked[_] == {at}\n{text}\n}}\n");
        }
        let mut engine = engine.clone();
        engine.add_policy("leaves.rego".to_owned(), module).map_err(|error| error.to_string())?;
        let rule = format!("{package}.{HOLDS}");
        engine.set_input(Value::new_object());
        // What is prepared now is shared by all clones.
        engine.eval_rule(rule.clone()).map_err(|error| error.to_string())?;
        Ok((engine, rule))
    }

    /// Which of the leaves hold of a review.
    pub fn hold(&self, review: Value, parameters: &Value, asked: &[usize]) -> Vec<Answer<bool>> {
        let answers = self.evaluated(review, parameters, asked);
        asked.iter().map(|leaf| answers.as_ref().map(|holding| holding.contains(leaf)).map_err(Clone::clone)).collect()
    }

    fn evaluated(&self, review: Value, parameters: &Value, asked: &[usize]) -> Answer<Vec<usize>> {
        let (engine, rule) = self.engine.get_or_init(|| self.joined()).as_ref().map_err(Clone::clone)?;
        let mut engine = engine.clone();
        let list = |values: Vec<Value>| Value::from(values);
        let input = [
            ("review", review),
            ("parameters", parameters.clone()),
            ("constants", list(self.constants.clone())),
            ("asked", list(asked.iter().map(|leaf| Value::from(*leaf)).collect())),
        ];
        let input: BTreeMap<Value, Value> = input.into_iter().map(|(key, value)| (Value::from(key), value)).collect();
        engine.set_input(Value::from(input));
        let holding = engine.eval_rule(rule.clone()).map_err(|error| error.to_string())?;
        let holding = holding.as_set().map_err(|error| error.to_string())?;
        Ok(holding.iter().filter_map(|leaf| usize::try_from(leaf.as_u64().ok()?).ok()).collect())
    }
}
