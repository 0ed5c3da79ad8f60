use super::*;

#[test]
fn hostile_text_stays_a_literal() {
    let set = vec!["'); true || ('".to_owned()];
    let rule = Constraint::Field(Field::RuntimeClassName, Test::OneOf(set));
    let text = constraint(&rule, &Names::default()).to_string();
    assert_eq!(text, r"object.spec.?runtimeClassName.optMap(v, v == '\'); true || (\'').orValue(false)");
}
