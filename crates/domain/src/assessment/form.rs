//! Forms: what an assessment asks, what was answered, and what that adds up to.
//!
//! A form is a coach's words with a structure: it is sealed as one text, and so are the answers, since assessment data is
//! confidential down to its numbers (S1.79). Scores are not stored: they are computed from both by whoever may read them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::text::{Answers as AnswersText, Form as FormText, Text as _};

/// How many questions a form can have.
pub const MOST_QUESTIONS: usize = 100;
/// How many options a question can have, and how many areas a wheel.
pub const MOST_OPTIONS: usize = 20;
/// The longest question, option or area, in characters.
pub const LONGEST_WORDS: usize = 500;
/// The longest text that is answered, in characters.
pub const LONGEST_ANSWER: usize = 10_000;
/// The widest bounds of a scale, and the most points of an option.
const FARTHEST: i32 = 1_000;
/// How satisfied somebody can be with an area of a wheel of life, 1 to this.
pub const WHEEL_MOST: i32 = 10;
/// The name of what all questions add up to that name no dimension.
const ALL: &str = "";

/// What is asked, in order.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form(Vec<Question>);

/// A question of a form.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What is asked.
    pub words: String,
    /// Whether a form without an answer to it cannot be submitted.
    pub required: bool,
    /// What kind of answer it takes.
    pub asks: Asks,
    /// To which score its answer counts; to the one without a name, where it names none.
    pub dimension: Option<String>,
    /// How many times its answer counts, 1 to 100.
    pub weight: u32,
}

/// What kind of answer a question takes, and what of it counts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asks {
    /// A whole number between two; reversed, the lowest counts as the highest.
    Scale {
        /// The lowest.
        least: i32,
        /// The highest.
        most: i32,
        /// Whether a low number is a good sign.
        reversed: bool,
    },
    /// One option. Its points count.
    Choice(Vec<Choice>),
    /// Any of several options, at most so many. The points of all of them count.
    Choices(Vec<Choice>, u32),
    /// A line. It does not count.
    ShortText,
    /// A text. It does not count.
    LongText,
    /// A wheel of life: how satisfied one is with each area, 1 to 10. Each area is a score of its own.
    Wheel(Vec<String>),
}

/// An option of a question.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What it says.
    pub words: String,
    /// What it counts.
    pub points: i32,
}

/// What was answered to a question.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// To a scale.
    Number(i32),
    /// To a choice: the places of what was chosen, from 0.
    Chosen(BTreeSet<u32>),
    /// To a question for a text.
    Text(String),
    /// To a wheel, area by area.
    Wheel(Vec<i32>),
}

/// Answers, question by question; nothing where there is none yet.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers(pub Vec<Option<Response>>);

/// What some questions add up to.
#[derive(Clone, PartialEq, Eq)]
pub struct Score {
    /// The dimension or the area; empty for questions without one.
    pub dimension: String,
    /// What was reached.
    pub points: i64,
    /// What could have been reached at the least.
    pub least: i64,
    /// What could have been reached at the most.
    pub most: i64,
}

crate::hidden!(Form, Question, Asks, Choice, Response, Answers, Score);

/// What is wrong with a form or with answers, and with which question, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    /// Which.
    pub question: usize,
    /// Why.
    pub refusal: Refusal,
}

impl Form {
    /// A form that can be filled in.
    ///
    /// # Errors
    /// Which question makes no sense. A form without a question, and what is too long as a whole, is wrong at the first.
    pub fn new(questions: Vec<Question>) -> Result<Self, Wrong> {
        if questions.is_empty() || questions.len() > MOST_QUESTIONS {
            return Err(Wrong { question: 0, refusal: Refusal::FormHasNoQuestions });
        }
        for (place, question) in questions.iter().enumerate() {
            if !question.makes_sense() {
                return Err(Wrong { question: place, refusal: Refusal::QuestionMakesNoSense });
            }
        }
        Ok(Self(questions))
    }

    /// Its questions.
    pub fn questions(&self) -> &[Question] {
        &self.0
    }

    /// As one text, to be sealed.
    ///
    /// # Errors
    /// [`Refusal::FormIsTooLong`].
    pub fn text(&self) -> Result<FormText, Refusal> {
        let text = serde_json::to_string(self).map_err(|_| Refusal::FormIsTooLong)?;
        FormText::parse(&text).map_err(|_| Refusal::FormIsTooLong)
    }

    /// From its text; nothing where that is no form of this version of the program.
    pub fn of(text: &FormText) -> Option<Self> {
        Self::read(text.as_str())
    }

    /// The same from the opened text.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether answers fit; all that are required, where the form is to be submitted.
    ///
    /// # Errors
    /// Which answer does not fit, or is missing.
    pub fn check(&self, answers: &Answers, whole: bool) -> Result<(), Wrong> {
        if answers.0.len() > self.0.len() {
            return Err(Wrong { question: self.0.len(), refusal: Refusal::AnswerDoesNotFit });
        }
        for (place, question) in self.0.iter().enumerate() {
            let wrong = |refusal| Wrong { question: place, refusal };
            match answers.0.get(place).and_then(Option::as_ref) {
                Some(answer) if !question.asks.takes(answer) => return Err(wrong(Refusal::AnswerDoesNotFit)),
                None if whole && question.required => return Err(wrong(Refusal::AnswerIsMissing)),
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// What answers add up to, dimension by dimension in the order in which the form names them. A question that was not
    /// answered counts nowhere.
    pub fn scores(&self, answers: &Answers) -> Vec<Score> {
        let mut scores: Vec<Score> = Vec::new();
        for (question, answer) in self.0.iter().zip(&answers.0) {
            let Some(answer) = answer else { continue };
            for counted in question.counts(answer) {
                match scores.iter_mut().find(|score| score.dimension == counted.dimension) {
                    Some(score) => score.add(&counted),
                    None => scores.push(counted),
                }
            }
        }
        scores
    }
}

impl Question {
    fn makes_sense(&self) -> bool {
        let dimension_is_fine = self.dimension.as_deref().is_none_or(are_words);
        are_words(&self.words) && dimension_is_fine && (1..=100).contains(&self.weight) && self.asks.makes_sense()
    }

    /// What an answer counts, and for what.
    fn counts(&self, answer: &Response) -> Vec<Score> {
        let dimension = self.dimension.clone().unwrap_or_else(|| ALL.to_owned());
        let weight = i64::from(self.weight);
        let one = |points: i64, least: i64, most: i64| {
            let times = |number: i64| number.saturating_mul(weight);
            vec![Score { dimension, points: times(points), least: times(least), most: times(most) }]
        };
        match (&self.asks, answer) {
            (Asks::Scale { least, most, reversed }, Response::Number(number)) => {
                let [least, most, number] = [*least, *most, *number].map(i64::from);
                let points = if *reversed { least.saturating_add(most).saturating_sub(number) } else { number };
                one(points, least, most)
            }
            (Asks::Choice(options), Response::Chosen(chosen)) => {
                let points = options.iter().map(|option| i64::from(option.points));
                one(sum(options, chosen), points.clone().min().unwrap_or(0), points.max().unwrap_or(0))
            }
            (Asks::Choices(options, at_most), Response::Chosen(chosen)) => {
                let (least, most) = reach(options, *at_most);
                one(sum(options, chosen), least, most)
            }
            (Asks::Wheel(areas), Response::Wheel(numbers)) => areas
                .iter()
                .zip(numbers)
                .map(|(area, number)| Score {
                    dimension: area.clone(),
                    points: i64::from(*number),
                    least: 1,
                    most: i64::from(WHEEL_MOST),
                })
                .collect(),
            (
                Asks::ShortText
                | Asks::LongText
                | Asks::Scale { .. }
                | Asks::Choice(_)
                | Asks::Choices(..)
                | Asks::Wheel(_),
                _,
            ) => Vec::new(),
        }
    }
}

impl Asks {
    fn makes_sense(&self) -> bool {
        match self {
            Self::Scale { least, most, .. } => least < most && *least >= -FARTHEST && *most <= FARTHEST,
            Self::Choice(options) => are_options(options),
            Self::Choices(options, most) => {
                are_options(options) && *most >= 1 && usize::try_from(*most).is_ok_and(|most| most <= options.len())
            }
            Self::ShortText | Self::LongText => true,
            Self::Wheel(areas) => {
                (3..=MOST_OPTIONS).contains(&areas.len())
                    && areas.iter().all(|area| are_words(area))
                    && areas.iter().collect::<BTreeSet<_>>().len() == areas.len()
            }
        }
    }

    fn takes(&self, answer: &Response) -> bool {
        let are_there = |chosen: &BTreeSet<u32>, options: &[Choice]| {
            chosen.iter().all(|place| usize::try_from(*place).is_ok_and(|place| place < options.len()))
        };
        match (self, answer) {
            (Self::Scale { least, most, .. }, Response::Number(number)) => (least..=most).contains(&number),
            (Self::Choice(options), Response::Chosen(chosen)) => chosen.len() == 1 && are_there(chosen, options),
            (Self::Choices(options, most), Response::Chosen(chosen)) => {
                u32::try_from(chosen.len()).is_ok_and(|count| count <= *most) && are_there(chosen, options)
            }
            (Self::ShortText, Response::Text(text)) => crate::text::line(text, 1, LONGEST_WORDS).is_ok(),
            (Self::LongText, Response::Text(text)) => crate::text::lines(text, 1, LONGEST_ANSWER).is_ok(),
            (Self::Wheel(areas), Response::Wheel(numbers)) => {
                numbers.len() == areas.len() && numbers.iter().all(|number| (1..=WHEEL_MOST).contains(number))
            }
            (
                Self::Scale { .. }
                | Self::Choice(_)
                | Self::Choices(..)
                | Self::ShortText
                | Self::LongText
                | Self::Wheel(_),
                _,
            ) => false,
        }
    }
}

impl Answers {
    /// As one text, to be sealed.
    ///
    /// # Errors
    /// [`Refusal::AnswersAreTooLong`].
    pub fn text(&self) -> Result<AnswersText, Refusal> {
        let text = serde_json::to_string(self).map_err(|_| Refusal::AnswersAreTooLong)?;
        AnswersText::parse(&text).map_err(|_| Refusal::AnswersAreTooLong)
    }

    /// From the opened text; nothing where these are no answers of this version of the program.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl Score {
    fn add(&mut self, other: &Self) {
        self.points = self.points.saturating_add(other.points);
        self.least = self.least.saturating_add(other.least);
        self.most = self.most.saturating_add(other.most);
    }

    /// How much of what was possible was reached, 0 to 100.
    pub fn percent(&self) -> u8 {
        let (reached, possible) = (self.points.saturating_sub(self.least), self.most.saturating_sub(self.least));
        let percent = reached.saturating_mul(100).checked_div(possible).unwrap_or(0);
        u8::try_from(percent.clamp(0, 100)).unwrap_or(0)
    }
}

fn are_words(words: &str) -> bool {
    crate::text::line(words, 1, LONGEST_WORDS).is_ok()
}

fn are_options(options: &[Choice]) -> bool {
    (2..=MOST_OPTIONS).contains(&options.len())
        && options.iter().all(|option| are_words(&option.words) && (-FARTHEST..=FARTHEST).contains(&option.points))
        && options.iter().map(|option| &option.words).collect::<BTreeSet<_>>().len() == options.len()
}

/// The points of what was chosen.
fn sum(options: &[Choice], chosen: &BTreeSet<u32>) -> i64 {
    let points = chosen.iter().filter_map(|place| options.get(usize::try_from(*place).ok()?));
    points.map(|option| i64::from(option.points)).sum()
}

/// What so many options at most can count together: at the least, and at the most.
fn reach(options: &[Choice], at_most: u32) -> (i64, i64) {
    let count = usize::try_from(at_most).unwrap_or(usize::MAX);
    let mut points: Vec<i64> = options.iter().map(|option| i64::from(option.points)).collect();
    points.sort_unstable();
    let least = points.iter().take(count).map(|it| (*it).min(0)).sum();
    let most = points.iter().rev().take(count).map(|it| (*it).max(0)).sum();
    (least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(asks: Asks) -> Question {
        Question { words: "?".to_owned(), required: true, asks, dimension: None, weight: 1 }
    }

    fn options(points: &[i32]) -> Vec<Choice> {
        points.iter().enumerate().map(|(at, points)| Choice { words: format!("o{at}"), points: *points }).collect()
    }

    fn scores(asks: Asks, answer: Response) -> Vec<(String, i64, i64, i64, u8)> {
        let form = Form::new(vec![Question { weight: 2, ..question(asks) }]).unwrap();
        let answers = Answers(vec![Some(answer)]);
        form.check(&answers, true).unwrap();
        let scores = form.scores(&answers).into_iter();
        scores.map(|it| (it.dimension.clone(), it.points, it.least, it.most, it.percent())).collect()
    }

    #[test]
    fn each_kind_of_question_counts_by_its_own_rule() {
        let scale = |reversed| Asks::Scale { least: 1, most: 5, reversed };
        assert_eq!(scores(scale(false), Response::Number(4)), [(String::new(), 8, 2, 10, 75)]);
        assert_eq!(scores(scale(true), Response::Number(4)), [(String::new(), 4, 2, 10, 25)]);
        let one = Response::Chosen([2].into());
        assert_eq!(scores(Asks::Choice(options(&[0, 3, 6])), one), [(String::new(), 12, 0, 12, 100)]);
        let two = Response::Chosen([0, 1].into());
        assert_eq!(scores(Asks::Choices(options(&[-2, 3, 5]), 3), two), [(String::new(), 2, -4, 16, 30)]);
        // Only so many count as may be chosen: the best of them is everything.
        let best = Response::Chosen([2].into());
        assert_eq!(scores(Asks::Choices(options(&[-2, 3, 5]), 1), best), [(String::new(), 10, -4, 10, 100)]);
        let worst = Response::Chosen([0, 1].into());
        assert_eq!(scores(Asks::Choices(options(&[-2, -3, 5, 1]), 2), worst), [(String::new(), -10, -10, 12, 0)]);
        assert_eq!(scores(Asks::LongText, Response::Text("So".to_owned())), []);
        let areas = ["Health", "Work", "Love"].map(str::to_owned).to_vec();
        let wheel = scores(Asks::Wheel(areas), Response::Wheel(vec![1, 10, 5]));
        assert_eq!(
            wheel.iter().map(|it| (it.0.as_str(), it.1, it.4)).collect::<Vec<_>>(),
            [("Health", 1, 0), ("Work", 10, 100), ("Love", 5, 44)]
        );
    }

    #[test]
    fn questions_of_one_dimension_add_up_and_what_was_not_answered_counts_nowhere() {
        let of = |dimension: &str| Question {
            dimension: Some(dimension.to_owned()),
            required: false,
            ..question(Asks::Scale { least: 0, most: 10, reversed: false })
        };
        let form = Form::new(vec![of("calm"), of("focus"), of("calm"), of("calm")]).unwrap();
        let answers =
            Answers(vec![Some(Response::Number(5)), Some(Response::Number(9)), Some(Response::Number(10)), None]);
        let scores = form.scores(&answers);
        assert_eq!(scores.len(), 2);
        assert_eq!((scores[0].dimension.as_str(), scores[0].points, scores[0].most), ("calm", 15, 20));
        assert_eq!((scores[1].dimension.as_str(), scores[1].percent()), ("focus", 90));
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_says_where() {
        let fine = || question(Asks::ShortText);
        for wrong in [
            Question { words: " ".to_owned(), ..fine() },
            Question { words: "a\nb".to_owned(), ..fine() },
            Question { weight: 0, ..fine() },
            Question { dimension: Some(String::new()), ..fine() },
            question(Asks::Scale { least: 3, most: 3, reversed: false }),
            question(Asks::Scale { least: i32::MIN, most: i32::MAX, reversed: true }),
            question(Asks::Choice(options(&[1]))),
            question(Asks::Choice(vec![options(&[1])[0].clone(), options(&[2])[0].clone()])),
            question(Asks::Choices(options(&[1, 2]), 0)),
            question(Asks::Choices(options(&[1, 2]), 3)),
            question(Asks::Wheel(vec!["a".to_owned(), "b".to_owned()])),
        ] {
            let refused = Form::new(vec![fine(), wrong]).unwrap_err();
            assert_eq!(refused, Wrong { question: 1, refusal: Refusal::QuestionMakesNoSense });
        }
        assert_eq!(Form::new(Vec::new()).unwrap_err().refusal, Refusal::FormHasNoQuestions);
    }

    #[test]
    fn an_answer_fits_its_question_or_is_refused() {
        let form = Form::new(vec![
            question(Asks::Scale { least: 1, most: 5, reversed: false }),
            question(Asks::Choice(options(&[1, 2]))),
            question(Asks::Choices(options(&[1, 2, 3]), 2)),
            Question { required: false, ..question(Asks::ShortText) },
            question(Asks::Wheel(["a", "b", "c"].map(str::to_owned).to_vec())),
        ])
        .unwrap();
        let whole = Answers(vec![
            Some(Response::Number(5)),
            Some(Response::Chosen([1].into())),
            Some(Response::Chosen(BTreeSet::new())),
            None,
            Some(Response::Wheel(vec![1, 2, 3])),
        ]);
        assert_eq!(form.check(&whole, true), Ok(()));
        assert_eq!(Answers::read(whole.text().unwrap().as_str()), Some(whole.clone()));
        for (place, wrong) in [
            (0, Response::Number(6)),
            (0, Response::Text("5".to_owned())),
            (1, Response::Chosen([0, 1].into())),
            (1, Response::Chosen([2].into())),
            (2, Response::Chosen([0, 1, 2].into())),
            (3, Response::Text("two\nlines".to_owned())),
            (4, Response::Wheel(vec![1, 2])),
            (4, Response::Wheel(vec![1, 2, 11])),
        ] {
            let mut answers = whole.clone();
            answers.0[place] = Some(wrong);
            let refused = Wrong { question: place, refusal: Refusal::AnswerDoesNotFit };
            assert_eq!(form.check(&answers, false), Err(refused));
        }
        let mut missing = whole.clone();
        missing.0[4] = None;
        assert_eq!(form.check(&missing, false), Ok(()));
        assert_eq!(form.check(&missing, true).unwrap_err().refusal, Refusal::AnswerIsMissing);
        let beyond = Answers(vec![None; 6]);
        assert_eq!(form.check(&beyond, false).unwrap_err().refusal, Refusal::AnswerDoesNotFit);
    }

    #[test]
    fn nothing_of_a_form_is_printed() {
        let form = Form::new(vec![question(Asks::Choice(options(&[1, 2])))]).unwrap();
        assert_eq!(
            format!("{form:?} {:?} {:?}", form.questions(), Answers(vec![Some(Response::Text("x".to_owned()))])),
            "… […] …"
        );
    }
}
