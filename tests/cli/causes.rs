//! Which cause an attempt gets: another than last time, unless one is asked for.

use crate::bench::Bench;

#[test]
fn a_lab_that_is_begun_again_has_another_cause_unless_one_is_asked_for() {
    let bench = Bench::new().lab("key-exposed");
    // It has two causes: by chance alone, six attempts would alternate once in 32 times.
    for _ in 0..6 {
        bench.run("start key-exposed").succeeds();
        bench.run("stop").succeeds();
    }
    let causes: Vec<String> = bench.attempts().into_iter().map(|row| row.variant).collect();
    assert!(causes.windows(2).all(|two| two[0] != two[1]), "{causes:?}");
    // What is asked for is obeyed: the same seed, the same cause by name, the same fault after a reset.
    let last = bench.attempts().pop().expect("an attempt");
    for words in [
        format!("start key-exposed --seed {}", last.seed),
        format!("start key-exposed --variant {}", last.variant),
    ] {
        bench.run(&words).succeeds();
        bench.run("reset --yes").succeeds();
        bench.run("stop").succeeds();
    }
    let causes: Vec<String> = bench.attempts().into_iter().skip(6).map(|row| row.variant).collect();
    assert_eq!(causes, vec![last.variant.as_str(); 4]);
    // And a new seed after a reset is another cause.
    bench.run("start key-exposed").succeeds();
    bench.run("reset --yes --new-seed").succeeds();
    let causes: Vec<String> = bench.attempts().into_iter().skip(9).map(|row| row.variant).collect();
    assert!(causes.windows(2).all(|two| two[0] != two[1]), "{causes:?}");
}
