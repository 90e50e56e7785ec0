//! Text as HTML.

/// Text as it may stand in an element or an attribute in double quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A value as JSON that may stand in a script element: nothing in it can end the element or begin a comment.
pub(super) fn script_json(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string(value).expect("charts have only string keys");
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// A template with its `{{name}}` filled in; what is filled in is not looked at again.
///
/// # Panics
/// When the template names something that is not given.
pub(super) fn filled(template: &str, parts: &[(&str, &str)]) -> String {
    let mut pieces = template.split("{{");
    let mut page = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").expect("the template closes its braces");
        let part = parts.iter().find(|(given, _)| *given == name);
        page.push_str(part.unwrap_or_else(|| panic!("the template names {name}, which is not given")).1);
        page.push_str(rest);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_filled_in_can_end_what_it_stands_in() {
        assert_eq!(escaped("a<b> & \"c\" 'd'"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
        let json = script_json(&["</script><!--", "x & y"]);
        assert!(!json.contains(['<', '>', '&']), "{json}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), ["</script><!--", "x & y"]);
    }

    #[test]
    fn a_template_is_filled_once() {
        assert_eq!(filled("<p>{{a}}-{{b}}</p>", &[("a", "{{b}}"), ("b", "2")]), "<p>{{b}}-2</p>");
    }
}
