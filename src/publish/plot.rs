//! Small pictures of numbers as inline SVG, coloured by the page's style and told in words beside them.
//! Pure; whole numbers in, text out.

use std::fmt::Write;

use super::markdown::escape;

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
}
