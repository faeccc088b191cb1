//! Cases by seed and number, and smaller ones of the same kind.

use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::Case;
use super::plan::{Plan, plans};

/// Makes cases.
#[derive(Debug)]
pub struct Generator {
    seed: u64,
    strategy: BoxedStrategy<Plan>,
    config: Config,
}

impl Generator {
    /// Makes the cases of a seed.
    pub fn new(seed: u64) -> Generator {
        let config = Config {
            failure_persistence: None,
            ..Config::default()
        };
        Generator {
            seed,
            strategy: plans().boxed(),
            config,
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The case of that number, which can shrink.
    pub fn case(&self, number: u64) -> Shrinking {
        let mut bytes = [0; 32];
        let (seed, rest) = bytes.split_at_mut(8);
        seed.copy_from_slice(&self.seed.to_le_bytes());
        rest.iter_mut()
            .zip(number.to_le_bytes())
            .for_each(|(byte, value)| *byte = value);
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(self.config.clone(), rng);
        let tree = self.strategy.new_tree(&mut runner);
        Shrinking {
            // No strategy of ours filters, so none runs out of tries.
            tree: tree.expect("a plan can always be made"),
        }
    }
}

/// A case that can shrink.
pub struct Shrinking {
    tree: Box<dyn ValueTree<Value = Plan>>,
}

/// How often a case is made smaller or less small.
const STEPS: u32 = 600;

impl Shrinking {
    /// The plan of the case.
    pub fn plan(&self) -> Plan {
        self.tree.current()
    }

    /// The case.
    pub fn case(&self) -> Case {
        Case::of(&self.tree.current())
    }

    /// A small case that still fulfils a condition which this one does.
    pub fn shrink(mut self, mut is_wanted: impl FnMut(&Case) -> bool) -> Case {
        let mut best = self.case();
        for _ in 0..STEPS {
            let case = self.case();
            let goes_on = if is_wanted(&case) {
                best = case;
                self.tree.simplify()
            } else {
                self.tree.complicate()
            };
            if !goes_on {
                break;
            }
        }
        best
    }
}
