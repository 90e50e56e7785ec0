//! The operators that policies need, each a method of [`Graph`].

use std::ops::Range;

use super::graph::{Element, Graph, Value};

impl Graph {
    /// The matrix product over the last two axes; earlier ones broadcast.
    pub fn matmul(&mut self, a: &Value, b: &Value) -> Value {
        self.node("MatMul", &[a, b], &[])
    }

    /// a + b, broadcast.
    pub fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Add", &[a, b], &[])
    }

    /// a - b, broadcast.
    pub fn sub(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Sub", &[a, b], &[])
    }

    /// a b, entry by entry, broadcast.
    pub fn mul(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Mul", &[a, b], &[])
    }

    /// The larger of a and b, entry by entry, broadcast.
    pub fn max(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Max", &[a, b], &[])
    }

    /// The smaller of a and b, entry by entry, broadcast.
    pub fn min(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Min", &[a, b], &[])
    }

    /// 1 / x.
    pub fn reciprocal(&mut self, x: &Value) -> Value {
        self.node("Reciprocal", &[x], &[])
    }

    /// max(x, 0).
    pub fn relu(&mut self, x: &Value) -> Value {
        self.node("Relu", &[x], &[])
    }

    /// tanh x.
    pub fn tanh(&mut self, x: &Value) -> Value {
        self.node("Tanh", &[x], &[])
    }

    /// Truth values as 1 and 0.
    pub fn to_float(&mut self, x: &Value) -> Value {
        self.node("Cast", &[x], &[("to", Element::Float as i64)])
    }

    /// Entries of `yes` where `condition` holds, of `no` elsewhere, broadcast.
    pub fn choose(&mut self, condition: &Value, yes: &Value, no: &Value) -> Value {
        self.node("Where", &[condition, yes, no], &[])
    }

    /// These columns of a matrix.
    pub fn columns(&mut self, x: &Value, columns: Range<usize>) -> Value {
        let [start, end, axis] = [columns.start as i64, columns.end as i64, 1].map(|number| self.integers(&[number]));
        self.node("Slice", &[x, &start, &end, &axis], &[])
    }

    /// Another shape; one length may be -1, which is what remains.
    pub fn reshape(&mut self, x: &Value, shape: &[i64]) -> Value {
        let shape = self.integers(shape);
        self.node("Reshape", &[x, &shape], &[])
    }

    /// The sum over axis 1, which then has length 1 or, unless `keep`, is gone.
    pub fn sum(&mut self, x: &Value, keep: bool) -> Value {
        let axes = self.integers(&[1]);
        self.node("ReduceSum", &[x, &axes], &[("keepdims", i64::from(keep))])
    }

    /// The index of the largest entry along the last of three axes, which is gone then; of equals the first.
    pub fn arg_max(&mut self, x: &Value) -> Value {
        let index = self.node("ArgMax", &[x], &[("axis", 2), ("keepdims", 0), ("select_last_index", 0)]);
        self.to_float(&index)
    }

    /// Matrices side by side.
    pub fn concat(&mut self, parts: &[Value]) -> Value {
        match parts {
            [only] => only.clone(),
            _ => self.node("Concat", &parts.iter().collect::<Vec<_>>(), &[("axis", 1)]),
        }
    }
}
