//! Small pictures of numbers as inline SVG, coloured by the page's style and told in words beside them.
//! Pure; whole numbers in, text out.

use std::fmt::Write;

use super::markdown::escape;
use crate::units::spoken_duration;

/// One grading in the plot of points.
#[derive(Clone, Debug)]
pub struct Dot {
    /// What it is: shown when pointed at.
    pub told: String,
    /// Of 100.
    pub points: u32,
    /// Points from which it would be passed.
    pub mark: u32,
    pub passed: bool,
}

/// So many gradings fit side by side; the newest are shown.
pub const MOST_DOTS: usize = 60;

/// The points of gradings, the oldest at the left: a stem up to a dot, full where the lab was passed, and a short
/// line at the mark.
pub fn points(dots: &[Dot]) -> String {
    const WIDTH: usize = 640;
    const HEIGHT: usize = 220;
    const LEFT: usize = 48;
    const TOP: usize = 10;
    const BOTTOM: usize = 12;
    let dots = &dots[dots.len().saturating_sub(MOST_DOTS)..];
    let passed = dots.iter().filter(|dot| dot.passed).count();
    let height = |points: u32| TOP + (HEIGHT - TOP - BOTTOM) * (100 - points.min(100) as usize) / 100;
    let mut svg = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Points of {} gradings in the \
         order of time, {passed} of them passed; each attempt's page has its figures\">\n",
        dots.len()
    );
    for line in [0, 25, 50, 75, 100] {
        let y = height(line);
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y}\" y2=\"{y}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{line}</text>",
            LEFT - 6,
            y + 4
        )
        .expect("strings take it");
    }
    for (nth, dot) in dots.iter().enumerate() {
        let x = LEFT + (WIDTH - LEFT) * (2 * nth + 1) / (2 * dots.len());
        let (y, mark) = (height(dot.points), height(dot.mark));
        let class = if dot.passed { "dot passed" } else { "dot" };
        writeln!(
            svg,
            "<g class=\"{class}\"><title>{}</title><line x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{y}\"/>\
             <line class=\"mark\" x1=\"{}\" x2=\"{}\" y1=\"{mark}\" y2=\"{mark}\"/>\
             <circle cx=\"{x}\" cy=\"{y}\" r=\"5\"/></g>",
            escape(&dot.told),
            height(0),
            x.saturating_sub(6),
            x + 6
        )
        .expect("strings take it");
    }
    svg.push_str("</svg>");
    svg
}

/// Something on the way of an attempt.
#[derive(Clone, Debug)]
pub struct Milestone {
    /// The learner's time, in milliseconds.
    pub used_ms: u64,
    /// What it is: shown when pointed at.
    pub told: String,
    pub kind: MilestoneKind,
}

/// What a milestone is drawn as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MilestoneKind {
    /// A dot where so many checks of so many were met; large for a grading, full where that was passed.
    Look { met: usize, of: usize, graded: bool, passed: bool },
    /// A tick at the foot: help that was taken.
    Help,
}

/// How an attempt went: checks that were met over the learner's time, a step at each look.
pub fn way(milestones: &[Milestone], total_ms: u64) -> String {
    const WIDTH: u64 = 640;
    const HEIGHT: u64 = 200;
    // Room for the labels also where a narrow page makes them larger.
    const LEFT: u64 = 66;
    const RIGHT: u64 = 628;
    const TOP: u64 = 12;
    const FOOT: u64 = 168;
    let x = |used_ms: u64| LEFT + (RIGHT - LEFT) * used_ms.min(total_ms) / total_ms.max(1);
    let y = |met: usize, of: usize| FOOT - (FOOT - TOP) * met.min(of) as u64 / of.max(1) as u64;
    let looks: Vec<(u64, usize, usize)> = milestones
        .iter()
        .filter_map(|it| match it.kind {
            MilestoneKind::Look { met, of, .. } => Some((it.used_ms, met, of)),
            MilestoneKind::Help => None,
        })
        .collect();
    let last =
        looks.last().map_or_else(String::new, |(_, met, of)| format!(", {met} of {of} met at the last one"));
    let mut svg = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{} looks at the nodes in {}{last}; \
         the table below tells each\">\n",
        looks.len(),
        spoken_duration(total_ms)
    );
    for percent in [0, 50, 100] {
        let y = y(percent, 100);
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y}\" y2=\"{y}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{percent} %</text>",
            LEFT - 6,
            y + 4
        )
        .expect("strings take it");
    }
    for (at, anchor) in [(0, "start"), (total_ms, "end")] {
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            x(at),
            FOOT + 24,
            spoken_duration(at)
        )
        .expect("strings take it");
    }
    let (mut line, mut before) = (format!("{LEFT},{FOOT}"), FOOT);
    for (used_ms, met, of) in &looks {
        let (x, y) = (x(*used_ms), y(*met, *of));
        write!(line, " {x},{before} {x},{y}").expect("strings take it");
        before = y;
    }
    writeln!(svg, "<polyline class=\"way\" points=\"{line}\"/>").expect("strings take it");
    for milestone in milestones {
        let x = x(milestone.used_ms);
        let title = format!("<title>{}</title>", escape(&milestone.told));
        let drawn = match milestone.kind {
            MilestoneKind::Look { met, of, graded, passed } => format!(
                "<g class=\"dot{}\">{title}<circle cx=\"{x}\" cy=\"{}\" r=\"{}\"/></g>",
                if passed { " passed" } else { "" },
                y(met, of),
                if graded { 6 } else { 4 }
            ),
            MilestoneKind::Help => format!(
                "<g class=\"help\">{title}<line x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{}\"/></g>",
                FOOT - 7,
                FOOT + 7
            ),
        };
        writeln!(svg, "{drawn}").expect("strings take it");
    }
    svg.push_str("</svg>");
    svg
}

/// How a share moved over time: steps from `from` to `to`, milliseconds both, that end in a dot. Marks are moments with
/// shares in hundredths of a percent, the oldest first. `told` says the same in words.
pub fn steps(marks: &[(u64, u32)], from: u64, to: u64, told: &str) -> String {
    const WIDTH: u64 = 160;
    const HEIGHT: u64 = 36;
    const EDGE: u64 = 4;
    let span = u128::from(to.saturating_sub(from).max(1));
    let x = |at: u64| {
        EDGE + (u128::from(at.clamp(from, to.max(from)) - from) * u128::from(WIDTH - 2 * EDGE) / span) as u64
    };
    let y = |share: u32| EDGE + (HEIGHT - 2 * EDGE) * (10_000 - u64::from(share.min(10_000))) / 10_000;
    let mut way = String::new();
    for (nth, (at, share)) in marks.iter().enumerate() {
        match nth {
            0 => write!(way, "M{},{}", x(*at), y(*share)),
            _ => write!(way, "H{}V{}", x(*at), y(*share)),
        }
        .expect("strings take it");
    }
    let last = marks.last().map_or(0, |(_, share)| y(*share));
    let end = WIDTH - EDGE;
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\
         <path class=\"grid\" d=\"M0,{EDGE}H{WIDTH}M0,{}H{WIDTH}\"/><path d=\"{way}H{end}\"/>\
         <circle cx=\"{end}\" cy=\"{last}\" r=\"3\"/></svg>",
        escape(told),
        HEIGHT - EDGE
    )
}

/// A bar, so long as a share of 100.
pub fn bar(percent: u32) -> String {
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"all\" width=\"100\" height=\"8\"/><rect width=\"{}\" height=\"8\"/></svg>",
        percent.min(100)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_escaped_and_points_stay_inside() {
        let dot = |points| Dot { told: "<b>&".into(), points, mark: 70, passed: points >= 70 };
        let svg = points(&[dot(0), dot(100), dot(4_000_000_000)]);
        assert!(svg.contains("&lt;b&gt;&amp;") && !svg.contains("<b>"), "{svg}");
        assert!(svg.contains("cy=\"208\"") && svg.contains("cy=\"10\""), "{svg}");
        assert!(svg.contains("3 gradings") && svg.contains("2 of them passed"), "{svg}");
    }

    #[test]
    fn only_the_newest_gradings_are_drawn() {
        let dots: Vec<Dot> =
            (0..90).map(|n| Dot { told: format!("n{n}"), points: n, mark: 70, passed: false }).collect();
        let svg = points(&dots);
        assert!(!svg.contains(">n29<") && svg.contains(">n30<"), "{svg}");
    }

    #[test]
    fn steps_stand_where_they_were_taken_and_stay_inside() {
        let one = steps(&[(7, 5_000)], 7, 7, "half");
        assert!(one.contains("d=\"M4,18H156\"") && one.contains("aria-label=\"half\""), "{one}");
        let two = steps(&[(0, 0), (500, 10_000)], 0, 1_000, "<up>");
        assert!(two.contains("d=\"M4,32H80V4H156\"") && two.contains("&lt;up&gt;"), "{two}");
        // What lies outside, as after a clock was set back, is drawn at the edge.
        let odd = steps(&[(9, 20_000), (2, 0)], 3, 5, "");
        assert!(odd.contains("d=\"M156,4H4V32H156\""), "{odd}");
    }

    #[test]
    fn the_way_of_an_attempt_climbs_in_steps_and_stays_inside() {
        let at = |used_ms, kind| Milestone { used_ms, told: "<b>".into(), kind };
        let look = |met, graded| MilestoneKind::Look { met, of: 2, graded, passed: graded };
        let all = [
            at(0, look(0, false)),
            at(50, MilestoneKind::Help),
            at(100, look(1, false)),
            at(900, look(2, true)),
        ];
        let svg = way(&all, 200);
        assert!(svg.contains("points=\"66,168 66,168 66,168 347,168 347,90 628,90 628,12\""), "{svg}");
        assert!(
            svg.contains(
                "<g class=\"dot passed\"><title>&lt;b&gt;</title><circle cx=\"628\" cy=\"12\" r=\"6\"/>"
            ),
            "{svg}"
        );
        assert!(svg.contains("3 looks at the nodes in 0 s, 2 of 2 met at the last one"), "{svg}");
        // Nothing happened yet.
        assert!(way(&[], 0).contains("0 looks"));
    }
}
