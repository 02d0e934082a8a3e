//! What GRUB would boot next, if nobody touched the menu.
//!
//! Runs the part of GRUB's script language that Debian's update-grub writes (GNU GRUB Manual, "Writing full
//! configuration files directly") over a copy of what the boot loader would know: its environment block and
//! the files that it sources. Whatever depends on what only the boot loader knows is carried along as unsure,
//! and makes the answer unreadable only where it would decide.

use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use crashcart_facts::NextBootFact;
use rustix::fs::FileType;

use super::kernel_facts::words;
use crate::rooted::{Link, Root};

/// Where Debian keeps it; `$prefix` of its scripts.
const DIRECTORY: &str = "/boot/grub";
/// Largest configuration that is read.
const CONFIG_LIMIT: usize = 1024 * 1024;
/// Size of an environment block, of which GRUB reads no more.
const ENVIRONMENT_LIMIT: usize = 64 * 1024;
/// Most statements that are run, and deepest nesting: scripts of update-grub have hundreds, and five.
const STATEMENTS: usize = 100_000;
const DEPTH: usize = 32;
/// Stands in a variable for a value that only the boot loader knows. No file of a script holds it.
const UNKNOWN: char = '\0';

pub fn next_boot(root: &Root) -> io::Result<NextBootFact> {
    let Some(text) = root.text(&format!("{DIRECTORY}/grub.cfg"), CONFIG_LIMIT)? else {
        return Ok(NextBootFact::default());
    };
    let not_understood = |why: String| io::Error::other(format!("grub.cfg is not understood: {why}"));
    let script = parse(&text).map_err(not_understood)?;
    let mut machine = Machine::new(root);
    machine.run(&script, false, 0).map_err(not_understood)?;
    let once = environment(root)?.get("next_entry").is_some_and(|entry| !entry.is_empty());
    let chosen = machine.chosen().map_err(not_understood)?;
    let Some(Chosen { title, kernel, arguments, initrd }) = chosen else {
        return Ok(NextBootFact::default());
    };
    let text = arguments.join(" ");
    let present = |path: &str| -> io::Result<bool> {
        // Where /boot is a file system of its own, its paths begin there.
        Ok(!path.is_empty()
            && (root.place(path, Link::Follow)?.is_some()
                || root.place(&format!("/boot/{path}"), Link::Follow)?.is_some()))
    };
    let release = kernel.rsplit('/').next().and_then(|name| name.strip_prefix("vmlinuz-"));
    Ok(NextBootFact {
        exists: true,
        title,
        release: release.unwrap_or_default().to_owned(),
        kernel_present: present(&kernel)?,
        initrd_present: present(&initrd)?,
        kernel,
        initrd,
        words: words(&text),
        text,
        once,
    })
}

/// The variables of the environment block: `key=value` lines, a backslash before what would end one.
fn environment(root: &Root) -> io::Result<BTreeMap<String, String>> {
    let text = root.text(&format!("{DIRECTORY}/grubenv"), ENVIRONMENT_LIMIT)?.unwrap_or_default();
    let mut variables = BTreeMap::new();
    let mut line = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => line.extend(chars.next()),
            '\n' => {
                if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                    variables.insert(key.to_owned(), value.to_owned());
                }
                line.clear();
            }
            c => line.push(c),
        }
    }
    Ok(variables)
}

// The language.

/// A piece of a word: text, or a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable { name: String, quoted: bool },
}

/// A word, and whether any of it stood in quotes, so that it is one even when empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Word {
    pieces: Vec<Piece>,
    quoted: bool,
}

impl Word {
    /// The word where it is nothing but unquoted text: only that can be a keyword.
    fn plain(&self) -> Option<&str> {
        match &self.pieces[..] {
            [Piece::Text(text)] if !self.quoted => Some(text),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
enum Token {
    Word(Word),
    /// End of a statement.
    End,
}

#[derive(Clone, Debug)]
enum Statement {
    Command(Vec<Word>),
    /// Conditions with what follows them, then what follows when none holds.
    If(Vec<(Vec<Statement>, Vec<Statement>)>, Vec<Statement>),
    /// `menuentry` or `submenu` with its arguments.
    Entry {
        submenu: bool,
        arguments: Vec<Word>,
        body: Rc<Vec<Statement>>,
    },
    Function,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut word: Option<Word> = None;
    let mut chars = text.chars().peekable();
    fn push(word: &mut Option<Word>, c: char) {
        let pieces = &mut word.get_or_insert_default().pieces;
        match pieces.last_mut() {
            Some(Piece::Text(text)) => text.push(c),
            _ => pieces.push(Piece::Text(c.to_string())),
        }
    }
    fn variable(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
        if chars.next_if_eq(&'{').is_some() {
            let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
            return Some(name);
        }
        let mut name = String::new();
        if let Some(c) = chars.next_if(|c| matches!(c, '?' | '#' | '*' | '@')) {
            return Some(c.to_string());
        }
        while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(c);
        }
        (!name.is_empty()).then_some(name)
    }
    while let Some(c) = chars.next() {
        match c {
            '\n' | ';' => {
                tokens.extend(word.take().map(Token::Word));
                tokens.push(Token::End);
            }
            c if c.is_whitespace() => tokens.extend(word.take().map(Token::Word)),
            '#' if word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(c) => {
                    push(&mut word, c);
                    word.get_or_insert_default().quoted = true;
                }
            },
            '\'' => {
                word.get_or_insert_default().quoted = true;
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => push(&mut word, c),
                        None => return Err("a quote is never closed".into()),
                    }
                }
            }
            '"' => {
                word.get_or_insert_default().quoted = true;
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some('\n') => {}
                            Some(c @ ('$' | '"' | '\\')) => push(&mut word, c),
                            Some(c) => {
                                push(&mut word, '\\');
                                push(&mut word, c);
                            }
                            None => return Err("a quote is never closed".into()),
                        },
                        Some('$') => match variable(&mut chars) {
                            Some(name) => {
                                let pieces = &mut word.get_or_insert_default().pieces;
                                pieces.push(Piece::Variable { name, quoted: true });
                            }
                            None => push(&mut word, '$'),
                        },
                        Some(c) => push(&mut word, c),
                        None => return Err("a quote is never closed".into()),
                    }
                }
            }
            '$' => match variable(&mut chars) {
                Some(name) => {
                    let pieces = &mut word.get_or_insert_default().pieces;
                    pieces.push(Piece::Variable { name, quoted: false });
                }
                None => push(&mut word, '$'),
            },
            '&' | '|' | '<' | '>' if word.is_none() => return Err(format!("`{c}` joins no commands there")),
            c => push(&mut word, c),
        }
    }
    tokens.extend(word.take().map(Token::Word));
    tokens.push(Token::End);
    Ok(tokens)
}

fn parse(text: &str) -> Result<Vec<Statement>, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0 };
    let (statements, end) = parser.block(&[], 0)?;
    debug_assert!(end.is_none());
    Ok(statements)
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
}

impl Parser<'_> {
    /// Statements up to one of these words at the place of a command, which is taken and told.
    fn block(
        &mut self,
        ends: &[&'static str],
        depth: usize,
    ) -> Result<(Vec<Statement>, Option<&'static str>), String> {
        if depth > DEPTH {
            return Err("its blocks are nested too deep".into());
        }
        let mut statements = Vec::new();
        loop {
            let Some(token) = self.tokens.get(self.at) else {
                return match ends.first() {
                    None => Ok((statements, None)),
                    Some(end) => Err(format!("`{end}` is missing")),
                };
            };
            let Token::Word(first) = token else {
                self.at += 1;
                continue;
            };
            let keyword = first.plain();
            if let Some(end) = ends.iter().find(|end| keyword == Some(**end)) {
                self.at += 1;
                return Ok((statements, Some(end)));
            }
            statements.push(match keyword {
                Some("if") => {
                    self.at += 1;
                    self.conditions(depth)?
                }
                Some("function") => {
                    // Its name and its brace; what it would do at a call is not known here.
                    self.words_before_brace()?;
                    self.block(&["}"], depth + 1)?;
                    Statement::Function
                }
                Some(kind @ ("menuentry" | "submenu")) => {
                    let submenu = kind == "submenu";
                    let arguments = self.words_before_brace()?.split_off(1);
                    let (body, _) = self.block(&["}"], depth + 1)?;
                    Statement::Entry { submenu, arguments, body: Rc::new(body) }
                }
                Some(
                    word @ ("for" | "while" | "until" | "{" | "}" | "then" | "else" | "elif" | "fi" | "do"
                    | "done"),
                ) => {
                    return Err(format!("`{word}` stands where this reader knows no use for it"));
                }
                _ => Statement::Command(self.words()),
            });
        }
    }

    fn conditions(&mut self, depth: usize) -> Result<Statement, String> {
        let mut branches = Vec::new();
        loop {
            let (condition, _) = self.block(&["then"], depth + 1)?;
            let (body, end) = self.block(&["fi", "elif", "else"], depth + 1)?;
            branches.push((condition, body));
            match end {
                Some("elif") => {}
                Some("else") => return Ok(Statement::If(branches, self.block(&["fi"], depth + 1)?.0)),
                _ => return Ok(Statement::If(branches, Vec::new())),
            }
        }
    }

    /// The words of one command.
    fn words(&mut self) -> Vec<Word> {
        let mut words = Vec::new();
        while let Some(Token::Word(word)) = self.tokens.get(self.at) {
            words.push(word.clone());
            self.at += 1;
        }
        words
    }

    /// The words up to `{`, which may stand on a line of its own.
    fn words_before_brace(&mut self) -> Result<Vec<Word>, String> {
        let mut words = Vec::new();
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            match token {
                Token::Word(word) if word.plain() == Some("{") => return Ok(words),
                Token::Word(word) => words.push(word.clone()),
                Token::End => {}
            }
        }
        Err("`{` is missing".into())
    }
}

// What it does.

/// An entry of a menu.
#[derive(Clone, Debug)]
struct Entry {
    title: String,
    id: String,
    submenu: bool,
    body: Rc<Vec<Statement>>,
    /// It may not be there.
    unsure: bool,
}

/// What an entry would load.
#[derive(Debug, PartialEq, Eq)]
struct Chosen {
    title: String,
    kernel: String,
    arguments: Vec<String>,
    initrd: String,
}

/// How a command ended, where that is known.
type Status = Option<bool>;

struct Machine<'r> {
    root: &'r Root,
    variables: BTreeMap<String, String>,
    menu: Vec<Entry>,
    loaded: Option<(String, Vec<String>)>,
    initrd: String,
    /// A kernel or its first file system was named where it is not known whether it would be.
    loaded_unsure: bool,
    /// It has booted, so that nothing more is run.
    booted: bool,
    /// Of the last command.
    status: Status,
    left: usize,
}

impl<'r> Machine<'r> {
    fn new(root: &'r Root) -> Self {
        let is_efi = root.place("/sys/firmware/efi", Link::Follow).is_ok_and(|place| place.is_some());
        let known = [
            ("prefix", DIRECTORY),
            ("config_directory", DIRECTORY),
            ("config_file", "/boot/grub/grub.cfg"),
            ("grub_platform", if is_efi { "efi" } else { "pc" }),
            ("grub_cpu", if is_efi { "x86_64" } else { "i386" }),
            // What GRUB 2.12 says it can.
            ("feature_menuentry_id", "y"),
            ("feature_menuentry_options", "y"),
            ("feature_default_font_path", "y"),
            ("feature_all_video_module", "y"),
            ("feature_platform_search_hint", "y"),
            ("feature_timeout_style", "y"),
            ("feature_200_final", "y"),
            ("feature_chainloader_bpb", "y"),
            ("feature_ntldr", "y"),
            ("feature_nativedisk_cmd", "y"),
        ];
        Self {
            root,
            variables: known.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            menu: Vec::new(),
            loaded: None,
            initrd: String::new(),
            loaded_unsure: false,
            booted: false,
            status: Some(true),
            left: STATEMENTS,
        }
    }

    fn expand(&self, words: &[Word]) -> Vec<String> {
        let mut expanded = Vec::new();
        for word in words {
            let mut texts = vec![String::new()];
            for piece in &word.pieces {
                let (text, quoted) = match piece {
                    Piece::Text(text) => (text.as_str(), true),
                    Piece::Variable { name, quoted } => {
                        (self.variables.get(name).map_or("", String::as_str), *quoted)
                    }
                };
                // Outside quotes a value is as many words as its blanks make.
                for (i, part) in text.split(|c: char| !quoted && c.is_whitespace()).enumerate() {
                    if i > 0 {
                        texts.push(String::new());
                    }
                    if let Some(last) = texts.last_mut() {
                        last.push_str(part);
                    }
                }
            }
            texts.retain(|text| word.quoted || !text.is_empty());
            expanded.extend(texts);
        }
        expanded
    }

    /// `unsure`: whether these statements run at all is not known.
    fn run(&mut self, statements: &[Statement], unsure: bool, depth: usize) -> Result<(), String> {
        if depth > DEPTH {
            return Err("its blocks are nested too deep".into());
        }
        for statement in statements {
            if self.booted {
                break;
            }
            self.left = self.left.checked_sub(1).ok_or("it is too long")?;
            match statement {
                Statement::Function => self.status = Some(true),
                Statement::Entry { submenu, arguments, body } => {
                    let (title, id) = title_and_id(&self.expand(arguments));
                    let (submenu, body) = (*submenu, body.clone());
                    self.menu.push(Entry { title, id, submenu, body, unsure });
                    self.status = Some(true);
                }
                Statement::If(branches, otherwise) => {
                    let mut unsure = unsure;
                    let mut done = false;
                    for (condition, body) in branches {
                        self.run(condition, unsure, depth + 1)?;
                        match self.status {
                            Some(false) => continue,
                            Some(true) => {
                                self.run(body, unsure, depth + 1)?;
                                done = true;
                                break;
                            }
                            None => {
                                unsure = true;
                                self.run(body, unsure, depth + 1)?;
                            }
                        }
                    }
                    if !done {
                        self.run(otherwise, unsure, depth + 1)?;
                    }
                }
                Statement::Command(words) => {
                    let words = self.expand(words);
                    self.status = self.command(&words, unsure, depth)?;
                    let status = self.status.map_or(UNKNOWN, |well| if well { '0' } else { '1' });
                    self.variables.insert("?".into(), status.to_string());
                }
            }
        }
        Ok(())
    }

    fn command(&mut self, words: &[String], unsure: bool, depth: usize) -> Result<Status, String> {
        let Some((name, arguments)) = words.split_first() else { return Ok(Some(true)) };
        Ok(match (name.as_str(), arguments) {
            ("set", [assignment]) => self.assign(assignment, unsure),
            ("unset", [variable]) => {
                self.assign(&format!("{variable}="), unsure);
                Some(true)
            }
            ("true" | "export" | "insmod" | "echo" | "save_env" | "set", _) => Some(true),
            ("false", _) => Some(false),
            ("[", [test @ .., end]) if end == "]" => self.test(test),
            ("test", test) => self.test(test),
            ("load_env", options) => {
                if !options.is_empty() {
                    return Err("it reads an environment block of another place".into());
                }
                for (key, value) in environment(self.root).map_err(|error| error.to_string())? {
                    self.assign(&format!("{key}={value}"), unsure);
                }
                Some(true)
            }
            ("boot", []) if self.loaded.is_some() => {
                if unsure {
                    return Err("what only the boot loader knows decides whether it shows its menu".into());
                }
                self.booted = true;
                Some(true)
            }
            ("configfile" | "normal", _) => return Err("it hands over to another configuration".into()),
            ("source" | ".", [path]) => {
                let text = self.root.text(path, CONFIG_LIMIT).map_err(|error| error.to_string())?;
                match text {
                    None => Some(false),
                    Some(text) => {
                        self.run(&parse(&text)?, unsure, depth + 1)?;
                        self.status
                    }
                }
            }
            ("linux" | "linux16" | "linuxefi", [kernel, rest @ ..]) => {
                self.loaded_unsure |= unsure || words.iter().any(|word| word.contains(UNKNOWN));
                self.loaded = Some((on_its_disk(kernel), rest.iter().map(|word| quote(word)).collect()));
                Some(true)
            }
            ("initrd" | "initrd16" | "initrdefi", [first, ..]) => {
                self.loaded_unsure |= unsure || first.contains(UNKNOWN);
                self.initrd = on_its_disk(first);
                Some(true)
            }
            (assignment, []) if assignment.contains('=') => self.assign(assignment, unsure),
            // Modules of video, search for disks, functions: they set nothing that matters here.
            _ => None,
        })
    }

    fn assign(&mut self, assignment: &str, unsure: bool) -> Status {
        let (name, value) = assignment.split_once('=')?;
        let value = if unsure { UNKNOWN.to_string() } else { value.to_owned() };
        self.variables.insert(name.to_owned(), value);
        Some(true)
    }

    /// test(1) as far as GRUB has it.
    fn test(&self, words: &[String]) -> Status {
        // `-o` binds weaker than `-a`.
        if let Some(at) = words.iter().position(|word| word == "-o") {
            let (left, right) = (self.test(&words[..at]), self.test(&words[at + 1..]));
            return match (left, right) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), other) | (other, Some(false)) => other,
                (None, None) => None,
            };
        }
        if let Some(at) = words.iter().position(|word| word == "-a") {
            let (left, right) = (self.test(&words[..at]), self.test(&words[at + 1..]));
            return match (left, right) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), other) | (other, Some(true)) => other,
                (None, None) => None,
            };
        }
        if words.iter().any(|word| word.contains(UNKNOWN)) {
            return None;
        }
        let place = |path: &str| self.root.place(path, Link::Follow).ok();
        match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => Some(false),
            [word] => Some(!word.is_empty()),
            ["!", ..] => self.test(&words[1..]).map(|holds| !holds),
            ["-n", word] => Some(!word.is_empty()),
            ["-z", word] => Some(word.is_empty()),
            ["-e" | "-f", path] => Some(place(path)?.is_some()),
            ["-d", path] => Some(place(path)?.is_some_and(|place| place.kind() == FileType::Directory)),
            ["-s", path] => Some(place(path)?.is_some_and(|place| place.stat.st_size > 0)),
            [left, "=" | "==", right] => Some(left == right),
            [left, "!=", right] => Some(left != right),
            _ => None,
        }
    }

    /// What would be loaded; nothing where there is no entry at all.
    fn chosen(mut self) -> Result<Option<Chosen>, String> {
        if self.booted {
            return self.what_was_loaded(String::new()).map(Some);
        }
        let mut wanted = self.variables.get("default").cloned().unwrap_or_default();
        if wanted.contains(UNKNOWN) {
            return Err("what only the boot loader knows decides on its default".into());
        }
        for _ in 0..DEPTH {
            let menu = std::mem::take(&mut self.menu);
            let (own, rest) = first_part(&wanted);
            let Some(entry) = pick(&menu, &own)? else { return Ok(None) };
            let entry = entry.clone();
            wanted = rest;
            self.variables.insert("chosen".into(), entry.title.clone());
            self.run(&entry.body, false, 1)?;
            if entry.submenu {
                continue;
            }
            return self.what_was_loaded(entry.title).map(Some);
        }
        Err("its menus are nested too deep".into())
    }

    fn what_was_loaded(self, title: String) -> Result<Chosen, String> {
        if self.loaded_unsure {
            return Err("what only the boot loader knows decides on its kernel".into());
        }
        match self.loaded {
            Some((kernel, arguments)) => Ok(Chosen { title, kernel, arguments, initrd: self.initrd }),
            None => Err(format!("its entry `{title}` loads no Linux")),
        }
    }
}

/// A path without the disk that may stand before it: `(hd0,gpt1)/vmlinuz`.
fn on_its_disk(path: &str) -> String {
    match path.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((_, path)) => path.to_owned(),
        None => path.to_owned(),
    }
}

/// GRUB puts an argument with a blank into quotes when it writes the command line.
fn quote(word: &str) -> String {
    if word.contains(' ') { format!("\"{word}\"") } else { word.to_owned() }
}

fn title_and_id(arguments: &[String]) -> (String, String) {
    let (mut title, mut id) = (None, String::new());
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--id" => id = words.next().cloned().unwrap_or_default(),
            "--class" | "--users" | "--hotkey" | "--source" => {
                words.next();
            }
            "--unrestricted" => {}
            option if option.starts_with("--id=") => id = option["--id=".len()..].to_owned(),
            option if option.starts_with("--") => {}
            _ => title = title.or(Some(word.clone())),
        }
    }
    (title.unwrap_or_default(), id)
}

/// The part of a path of entries before its first `>`, and what follows. `>>` is a `>` of a title.
fn first_part(path: &str) -> (String, String) {
    let mut own = String::new();
    let mut chars = path.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '>' && chars.next_if_eq(&'>').is_none() {
            return (own, chars.collect());
        }
        own.push(c);
    }
    (own, String::new())
}

/// The entry that is meant; the first one where nothing or nobody is. As GRUB's menu.c has it.
fn pick<'m>(menu: &'m [Entry], wanted: &str) -> Result<Option<&'m Entry>, String> {
    let numbered: Option<usize> = wanted.parse().ok();
    let index = match numbered {
        Some(number) => number,
        None => match menu
            .iter()
            .position(|entry| !wanted.is_empty() && (entry.id == wanted || entry.title == wanted))
        {
            Some(index) => index,
            None if wanted.starts_with(|c: char| c.is_ascii_digit()) => {
                return Err(format!("its default `{wanted}` is no entry, and begins as a number does"));
            }
            None => 0,
        },
    };
    let index = if index < menu.len() { index } else { 0 };
    let found = menu.get(index);
    // One that may be missing moves those behind it, where they are counted.
    let doubtful = match numbered {
        Some(_) => menu.iter().take(index + 1).any(|entry| entry.unsure),
        None => found.is_some_and(|entry| entry.unsure),
    };
    match doubtful {
        true => Err("what only the boot loader knows decides on its menu".into()),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::trees::tree;
    use super::*;

    /// What update-grub of Debian trixie writes, shortened where nothing is decided.
    const HEAD: &str = r#"#
# DO NOT EDIT THIS FILE
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="DEFAULT"
fi

if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi

export menuentry_id_option

if [ "${prev_saved_entry}" ]; then
  set saved_entry="${prev_saved_entry}"
  save_env saved_entry
  set prev_saved_entry=
  save_env prev_saved_entry
  set boot_once=true
fi

function savedefault {
  if [ -z "${boot_once}" ]; then
    saved_entry="${chosen}"
    save_env saved_entry
  fi
}
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  fi
}

if [ x$feature_default_font_path = xy ] ; then
   font=unicode
else
insmod part_gpt
    font="/usr/share/grub/unicode.pf2"
fi

if loadfont $font ; then
  set gfxmode=auto
  load_video
  insmod gfxterm
fi
terminal_output gfxterm
if [ "${recordfail}" = 1 ] ; then
  set timeout=30
else
  if [ x$feature_timeout_style = xy ] ; then
    set timeout_style=menu
    set timeout=5
  # Fallback normal timeout code in case the timeout_style feature is
  # unavailable.
  else
    set timeout=5
  fi
fi
menuentry 'Debian GNU/Linux' --class debian --class gnu-linux $menuentry_id_option 'gnulinux-simple-1234' {
	load_video
	insmod gzio
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	if [ x$feature_platform_search_hint = xy ]; then
	  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt1  1234
	else
	  search --no-floppy --fs-uuid --set=root 1234
	fi
	echo	'Loading Linux 6.12.48+deb13-amd64 ...'
	linux	/boot/vmlinuz-6.12.48+deb13-amd64 root=UUID=1234 ro  quiet hugepages=4 dyndbg="file x.c +p"
	echo	'Loading initial ramdisk ...'
	initrd	/boot/initrd.img-6.12.48+deb13-amd64
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-1234' {
	menuentry 'Debian GNU/Linux, with Linux 6.12.48+deb13-amd64' --class debian $menuentry_id_option 'gnulinux-6.12.48+deb13-amd64-advanced-1234' {
		linux	/boot/vmlinuz-6.12.48+deb13-amd64 root=UUID=1234 ro  quiet
		initrd	/boot/initrd.img-6.12.48+deb13-amd64
	}
	menuentry 'Debian GNU/Linux, with Linux 6.12.41+deb13-amd64' --class debian $menuentry_id_option 'gnulinux-6.12.41+deb13-amd64-advanced-1234' {
		linux	/boot/vmlinuz-6.12.41+deb13-amd64 root=UUID=1234 ro  quiet
		initrd	/boot/initrd.img-6.12.41+deb13-amd64
	}
}
if [ "$grub_platform" = "efi" ]; then
	fwsetup --is-supported
	if [ "$?" = 0 ]; then
		menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
			fwsetup
		}
	fi
fi
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
elif [ -z "${config_directory}" -a -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
fi
"#;

    fn booted(default: &str, more: &[(&str, &str)]) -> io::Result<NextBootFact> {
        let mut files = vec![("boot/grub/grub.cfg".to_owned(), HEAD.replace("DEFAULT", default))];
        files.extend(more.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        let (_keep, root) = tree(&files);
        next_boot(&root)
    }

    fn release(default: &str, more: &[(&str, &str)]) -> String {
        booted(default, more).expect("understood").release
    }

    const NEW: &str = "6.12.48+deb13-amd64";
    const OLD: &str = "6.12.41+deb13-amd64";

    #[test]
    fn the_first_entry_is_read_as_grub_would_boot_it() {
        let fact = booted("0", &[("boot/vmlinuz-6.12.48+deb13-amd64", "kernel")]).expect("understood");
        let expected = NextBootFact {
            exists: true,
            title: "Debian GNU/Linux".into(),
            kernel: "/boot/vmlinuz-6.12.48+deb13-amd64".into(),
            release: NEW.into(),
            initrd: "/boot/initrd.img-6.12.48+deb13-amd64".into(),
            text: "root=UUID=1234 ro quiet hugepages=4 \"dyndbg=file x.c +p\"".into(),
            words: ["root=UUID=1234", "ro", "quiet", "hugepages=4", "dyndbg=file x.c +p"]
                .map(str::to_owned)
                .into(),
            kernel_present: true,
            initrd_present: false,
            once: false,
        };
        assert_eq!(fact, expected);
    }

    #[test]
    fn a_default_is_a_number_a_title_an_id_or_a_path_of_them() {
        for default in [
            "1>1",
            "gnulinux-advanced-1234>gnulinux-6.12.41+deb13-amd64-advanced-1234",
            "Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux 6.12.41+deb13-amd64",
        ] {
            assert_eq!(release(default, &[]), OLD, "{default}");
        }
        // The first of a submenu, where nothing says which; the first of all, where nobody is meant.
        for default in ["1", "gnulinux-simple-1234", "nobody", "17", "nobody>1", ""] {
            assert_eq!(release(default, &[]), NEW, "{default}");
        }
    }

    #[test]
    fn the_environment_block_decides_where_the_script_asks_it() {
        let block = |line: &str| format!("# GRUB Environment Block\n{line}\n########");
        let saved = block("saved_entry=1>1");
        assert_eq!(release("${saved_entry}", &[("boot/grub/grubenv", &saved)]), OLD);
        assert_eq!(release("0", &[("boot/grub/grubenv", &saved)]), NEW);
        assert_eq!(release("${saved_entry}", &[]), NEW);
        let next = block("next_entry=gnulinux-advanced-1234>1\nsaved_entry=0");
        let fact = booted("${saved_entry}", &[("boot/grub/grubenv", &next)]).expect("understood");
        assert_eq!((fact.release.as_str(), fact.once), (OLD, true));
    }

    #[test]
    fn what_custom_files_say_comes_last() {
        let custom = "set default=\"2\"\nmenuentry 'own' { linux /vmlinuz-7 single\n }\n";
        let fact = booted("0", &[("boot/grub/custom.cfg", custom), ("boot/vmlinuz-7", "kernel")])
            .expect("understood");
        assert_eq!((fact.title.as_str(), fact.text.as_str()), ("own", "single"));
        assert_eq!((fact.release.as_str(), fact.kernel_present, fact.initrd_present), ("7", true, false));
    }

    #[test]
    fn a_variable_outside_quotes_is_as_many_parameters_as_it_has_words() {
        // As tuned's own script writes it into the configuration.
        let custom = "set tuned_params=\"isolcpus=2-3 skew_tick=1\"\nset tuned_initrd=\"\"\nset default=own\n\
             menuentry 'Own' --id own { linux /vmlinuz-7 ro $tuned_params \"$tuned_params\" $none\n\
             initrd /initrd.img-7 $tuned_initrd\n }\n";
        let fact = booted("0", &[("boot/grub/custom.cfg", custom)]).expect("understood");
        assert_eq!(fact.words, ["ro", "isolcpus=2-3", "skew_tick=1", "isolcpus=2-3 skew_tick=1"]);
        assert_eq!(fact.initrd, "/initrd.img-7");
    }

    #[test]
    fn what_only_the_boot_loader_knows_is_not_guessed() {
        let efi = ("sys/firmware/efi/runtime", "");
        assert_eq!(release("0", &[efi]), NEW, "an entry behind it does not matter");
        assert!(booted("2", &[efi]).is_err(), "whether there is such an entry is not known");
        for custom in [
            "if probe_disk; then set default=1; fi\n",
            "for x in a b; do set default=$x; done\n",
            "menuentry 'a' {\n",
            "set default='\n",
            "set default=3\nmenuentry 'chain' { chainloader +1\n}\nset default=2\n",
        ] {
            let found = booted("0", &[("boot/grub/custom.cfg", custom)]);
            let why = found.expect_err(custom).to_string();
            assert!(why.starts_with("grub.cfg is not understood: "), "{why}");
        }
    }

    #[test]
    fn scripts_that_never_end_are_given_up() {
        let looping = "source /boot/grub/custom.cfg\nsource /boot/grub/custom.cfg\n";
        assert!(booted("0", &[("boot/grub/custom.cfg", looping)]).is_err());
        let deep = "if true; then ".repeat(5000);
        assert!(booted("0", &[("boot/grub/custom.cfg", &deep)]).is_err());
    }

    #[test]
    fn a_script_without_a_menu_may_boot_by_itself() {
        let script = "serial --unit=0\nset root='hd0'\nlinux ($root)/vmlinuz-7 ro\ninitrd /initrd.img-7\nboot\nlinux /x\n";
        let (_keep, root) = tree(&[("boot/grub/grub.cfg", script)]);
        let fact = next_boot(&root).expect("understood");
        assert_eq!((fact.exists, fact.title.as_str(), fact.kernel.as_str()), (true, "", "/vmlinuz-7"));
        assert_eq!((fact.text.as_str(), fact.initrd.as_str()), ("ro", "/initrd.img-7"));
    }

    #[test]
    fn without_a_configuration_nothing_boots() {
        let (_keep, root) = tree(&[("boot/grub/x", "")]);
        assert_eq!(next_boot(&root).expect("readable"), NextBootFact::default());
    }
}
