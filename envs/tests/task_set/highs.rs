//! The exact optimum against another program: the same problem as a mixed-integer linear program for HiGHS.
//!
//! `scripts/highs_test.sh` builds and runs it. HiGHS: Huangfu and Hall, "Parallelizing the dual revised simplex
//! method", Mathematical Programming Computation 10, 2018, DOI 10.1007/s12532-017-0130-5.

mod event_loop;
mod instances;

use std::num::NonZeroU32;

use highs::{Col, HighsModelStatus, RowProblem, Sense};
use mec_envs::partition::{Placement, TaskSet, optimum};
use mec_envs::rng::stream;
use rand::RngExt;

use instances::{Size, frontiers, instance};

/// A sum of columns with factors, and a constant.
#[derive(Clone, Default)]
struct Expr {
    terms: Vec<(Col, f64)>,
    constant: f64,
}

impl Expr {
    fn of(constant: f64, terms: impl IntoIterator<Item = (Col, f64)>) -> Self {
        Self { terms: terms.into_iter().collect(), constant }
    }

    fn plus(mut self, other: &Self, factor: f64) -> Self {
        self.terms.extend(other.terms.iter().map(|&(col, weight)| (col, weight * factor)));
        self.constant += factor * other.constant;
        self
    }
}

/// One placement of a task and what it asks of each queue, s.
struct Choice {
    placement: Placement,
    taken: Col,
    device: f64,
    send: f64,
    propagation: f64,
    service: f64,
    back: f64,
}

impl Choice {
    fn is_whole(&self) -> bool {
        self.placement.target > 0 && self.device == 0.0
    }

    fn is_split(&self) -> bool {
        self.placement.target > 0 && self.device > 0.0
    }
}

/// What a task's times are in the program.
struct Times {
    /// End of the processor's work after this task.
    processed: Expr,
    arrival: Expr,
    start: Expr,
    end: Expr,
}

struct Program<'a> {
    set: &'a TaskSet<'a>,
    problem: RowProblem,
    choices: Vec<Vec<Choice>>,
    /// No time of an optimal schedule is larger.
    large: f64,
}

impl<'a> Program<'a> {
    fn new(set: &'a TaskSet<'a>) -> Self {
        let local = |task: usize| Placement { target: 0, candidate: set.tasks()[task].frontier.local() };
        let all_local: Vec<Placement> = (0..set.tasks().len()).map(local).collect();
        let sum: f64 = event_loop::completions(set, &all_local).iter().sum();
        let waits = set.servers().iter().flat_map(|server| &server.executors).map(|free| free.0);
        let waits = waits.chain(set.devices().iter().map(|device| device.uplink.0.max(device.processor.0)));
        let large = sum + waits.fold(0.0, f64::max);
        let mut program = Self { set, problem: RowProblem::default(), choices: Vec::new(), large };
        for task in 0..set.tasks().len() {
            let choices = program.choices_of(task);
            program.equal(&Expr::of(-1.0, choices.iter().map(|choice| (choice.taken, 1.0))), &Expr::default());
            program.choices.push(choices);
        }
        program
    }

    fn choices_of(&mut self, task: usize) -> Vec<Choice> {
        let of = self.set.tasks()[task];
        let local = of.frontier.local();
        let splits = (1..self.set.targets()).flat_map(|target| (0..local).map(move |candidate| (target, candidate)));
        let all: Vec<_> = splits.chain([(0, local)]).collect();
        let choice = |(target, candidate)| {
            let mut choice = Choice {
                placement: Placement { target, candidate },
                taken: self.binary(),
                device: of.frontier.device_time(candidate).0,
                send: 0.0,
                propagation: 0.0,
                service: 0.0,
                back: 0.0,
            };
            if target > 0 {
                let way = self.set.uplink(of.device, target - 1);
                choice.send = of.frontier.upload(candidate).0 / way.rate.0;
                choice.propagation = way.propagation.0;
                choice.service = of.frontier.edge_time(candidate, self.set.servers()[target - 1].class).0;
                choice.back = (of.return_time + way.return_delay).0;
            }
            choice
        };
        all.into_iter().map(choice).collect()
    }

    fn binary(&mut self) -> Col {
        self.problem.add_integer_column(0.0, 0..=1)
    }

    fn time(&mut self) -> Expr {
        Expr::of(0.0, [(self.problem.add_column(0.0, 0.0..=2.0 * self.large), 1.0)])
    }

    /// `smaller <= larger`, unless one of the binaries in `unless` is 1, or one of those in `when` is 0.
    fn at_most(&mut self, smaller: &Expr, larger: &Expr, when: &[Expr], unless: &[Expr]) {
        let mut row = smaller.clone().plus(larger, -1.0);
        for active in when {
            row = row.plus(active, 2.0 * self.large);
            row.constant -= 2.0 * self.large;
        }
        row = unless.iter().fold(row, |row, inactive| row.plus(inactive, -2.0 * self.large));
        self.problem.add_row(..=-row.constant, merged(row.terms));
    }

    fn equal(&mut self, a: &Expr, b: &Expr) {
        let row = a.clone().plus(b, -1.0);
        self.problem.add_row(-row.constant..=-row.constant, merged(row.terms));
    }

    /// A sum over the choices of a task that pass `filter`.
    fn sum(&self, task: usize, filter: impl Fn(&Choice) -> bool, value: impl Fn(&Choice) -> f64) -> Expr {
        let terms = self.choices[task].iter().filter(|choice| filter(choice));
        Expr::of(0.0, terms.map(|choice| (choice.taken, value(choice))))
    }

    /// Processor and uplink of a device; times of its tasks, and where in the set they stand.
    fn add_device(&mut self, device: usize) -> Vec<(usize, Times)> {
        let backlog = self.set.devices()[device];
        let tasks: Vec<usize> =
            (0..self.set.tasks().len()).filter(|&task| self.set.tasks()[task].device == device).collect();
        let whole_sends = |program: &Self, task| program.sum(task, Choice::is_whole, |choice| choice.send);
        let now = Expr::of(backlog.uplink_now.0, []);
        let all_whole = tasks.iter().fold(now.clone(), |sum, &task| sum.plus(&whole_sends(self, task), 1.0));
        let mut free = self.larger(&all_whole, &Expr::of(backlog.uplink.0, []), None);
        let (mut processed, mut sent) = (Expr::of(backlog.processor.0, []), now);
        let mut times = Vec::new();
        for task in tasks {
            processed = processed.plus(&self.sum(task, |choice| !choice.is_whole(), |choice| choice.device), 1.0);
            sent = sent.plus(&whole_sends(self, task), 1.0);
            let split = self.sum(task, Choice::is_split, |_| 1.0);
            let begin = self.larger(&free, &processed, Some(&split));
            free = begin.plus(&self.sum(task, Choice::is_split, |choice| choice.send), 1.0);
            let (arrival, start) = (self.time(), self.time());
            let propagation = self.sum(task, |choice| choice.placement.target > 0, |choice| choice.propagation);
            let modes = [(&sent, self.sum(task, Choice::is_whole, |_| 1.0)), (&free, split)];
            for (upload_end, mode) in modes {
                let exactly = upload_end.clone().plus(&propagation, 1.0);
                self.at_most(&arrival, &exactly, std::slice::from_ref(&mode), &[]);
                self.at_most(&exactly, &arrival, &[mode], &[]);
            }
            self.at_most(&arrival, &start, &[], &[]);
            let end = start.clone().plus(&self.sum(task, |_| true, |choice| choice.service), 1.0);
            times.push((task, Times { processed: processed.clone(), arrival, start, end }));
        }
        times
    }

    /// Exactly the larger of two times; without `second_counts`, exactly the first.
    fn larger(&mut self, first: &Expr, second: &Expr, second_counts: Option<&Expr>) -> Expr {
        let (larger, is_second) = (self.time(), Expr::of(0.0, [(self.binary(), 1.0)]));
        let counts: Vec<Expr> = second_counts.into_iter().cloned().collect();
        self.at_most(first, &larger, &[], &[]);
        self.at_most(second, &larger, &counts, &[]);
        self.at_most(&larger, first, &[], std::slice::from_ref(&is_second));
        self.at_most(&larger, second, std::slice::from_ref(&is_second), &[]);
        if let Some(counts) = second_counts {
            self.problem.add_row(..=0, merged(is_second.plus(counts, -1.0).terms));
        }
        larger
    }

    /// Executors: every offloaded task has one, which takes one task after the other, and all start in the order of
    /// their arrival.
    fn add_servers(&mut self, times: &[Times]) {
        for server in 0..self.set.servers().len() {
            let here: Vec<Expr> = (0..times.len())
                .map(|task| self.sum(task, |choice| choice.placement.target == server + 1, |_| 1.0))
                .collect();
            let executors = self.set.servers()[server].executors.clone();
            let on: Vec<Vec<Expr>> = here
                .iter()
                .map(|here| {
                    let on: Vec<Expr> = executors.iter().map(|_| Expr::of(0.0, [(self.binary(), 1.0)])).collect();
                    let one = on.iter().fold(Expr::default(), |sum, on| sum.plus(on, 1.0));
                    self.equal(&one, here);
                    on
                })
                .collect();
            for (on, times) in on.iter().zip(times) {
                for (on, free) in on.iter().zip(&executors) {
                    self.at_most(&Expr::of(free.0, []), &times.start, std::slice::from_ref(on), &[]);
                }
            }
            for second in 0..times.len() {
                for first in 0..second {
                    self.add_order(&[first, second], times, &here, &on);
                }
            }
        }
    }

    fn add_order(&mut self, pair: &[usize; 2], times: &[Times], here: &[Expr], on: &[Vec<Expr>]) {
        let in_order = Expr::of(0.0, [(self.binary(), 1.0)]);
        let reversed = Expr::of(1.0, []).plus(&in_order, -1.0);
        for (&[a, b], ordered) in [(pair, in_order), (&[pair[1], pair[0]], reversed)] {
            let both = [ordered.clone(), here[a].clone(), here[b].clone()];
            self.at_most(&times[a].arrival, &times[b].arrival, &both, &[]);
            self.at_most(&times[a].start, &times[b].start, &both, &[]);
            for (on_a, on_b) in on[a].iter().zip(&on[b]) {
                let same = [ordered.clone(), on_a.clone(), on_b.clone()];
                self.at_most(&times[a].end, &times[b].start, &same, &[]);
            }
        }
    }

    /// Placements of the least sum of completions, and that sum.
    fn solve(mut self) -> (Vec<Placement>, f64) {
        let mut times: Vec<(usize, Times)> =
            (0..self.set.devices().len()).flat_map(|device| self.add_device(device)).collect();
        times.sort_by_key(|(task, _)| *task);
        let times: Vec<Times> = times.into_iter().map(|(_, times)| times).collect();
        self.add_servers(&times);
        for (task, times) in times.iter().enumerate() {
            let completion = Expr::of(0.0, [(self.problem.add_column(1.0, 0.0..), 1.0)]);
            let local = self.sum(task, |choice| choice.placement.target == 0, |_| 1.0);
            let back = times.end.clone().plus(&self.sum(task, |_| true, |choice| choice.back), 1.0);
            self.at_most(&times.processed, &completion, std::slice::from_ref(&local), &[]);
            self.at_most(&back, &completion, &[], &[local]);
        }
        let mut model = self.problem.optimise(Sense::Minimise);
        model.make_quiet();
        model.set_threads(NonZeroU32::MIN);
        for (option, value) in [("mip_rel_gap", 0.0), ("mip_abs_gap", 1e-9), ("mip_feasibility_tolerance", 1e-9)] {
            model.set_option(option, value);
        }
        let solved = model.solve();
        assert_eq!(solved.status(), HighsModelStatus::Optimal);
        let solution = solved.get_solution();
        let taken = |choice: &&Choice| solution.columns()[choice.taken.index()] > 0.5;
        let placement = |choices: &Vec<Choice>| choices.iter().find(taken).unwrap().placement;
        (self.choices.iter().map(placement).collect(), solved.objective_value())
    }
}

/// Each column once.
fn merged(mut terms: Vec<(Col, f64)>) -> Vec<(Col, f64)> {
    terms.sort_by_key(|(col, _)| col.index());
    terms.dedup_by(|next, kept| {
        let same = next.0.index() == kept.0.index();
        kept.1 += if same { next.1 } else { 0.0 };
        same
    });
    terms.retain(|(_, factor)| *factor != 0.0);
    terms
}

#[test]
fn highs_finds_the_same_optimum() {
    let frontiers = frontiers();
    let mut rng = stream(1, "highs");
    let (mut worst, mut shared) = (0.0_f64, 0);
    for round in 0..60 {
        let (tasks, servers) = [(3, 3), (4, 2), (5, 2), (6, 3)][round % 4];
        let size = Size { tasks, devices: rng.random_range(1..=tasks), servers, executors: 2 };
        let instance = instance(frontiers, size, [0.0, 0.1, 0.3, 1.0][round / 4 % 4], &mut rng);
        let set = instance.set();
        let start = std::time::Instant::now();
        let (placements, objective) = Program::new(&set).solve();
        let seconds = start.elapsed().as_secs_f64();
        let ours = optimum(&set, usize::MAX).unwrap();
        let replayed: f64 = event_loop::completions(&set, &placements).iter().sum();
        println!(
            "{round}: {tasks} tasks, {servers} servers: {:.6} {objective:.6} {replayed:.6} {seconds:.2} s",
            ours.sum.0
        );
        assert!((objective / ours.sum.0 - 1.0).abs() < 1e-5, "round {round}: HiGHS {objective}, ours {ours:?}");
        assert!((replayed / ours.sum.0 - 1.0).abs() < 1e-5, "round {round}: {placements:?} come to {replayed}");
        worst = worst.max((objective / ours.sum.0 - 1.0).abs());
        shared += usize::from(size.devices < tasks);
    }
    println!("largest relative difference {worst:.1e}; {shared} sets with several tasks on a device");
    assert!(shared > 20);
}
