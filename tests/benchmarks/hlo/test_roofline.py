import pytest

PROGRAM = """module @a_inference {
  func.func private @add.1(%arg0: tensor<f32>, %arg1: tensor<f32>) -> tensor<f32> {
    %0 = stablehlo.add %arg0, %arg1 : tensor<f32> loc(#loc2)
    return %0 : tensor<f32>
  }
  func.func @main(%arg0: tensor<8x3xf32> loc("XLA_Args"), %arg1: tensor<2xi1>) -> (tensor<8xf64>, tensor<8xi32>) {
    %cst = stablehlo.constant dense<"0x0000803F"> : tensor<3x5xf32> loc(#loc)
    %cst_0 = stablehlo.constant dense<[1, 2]> : tensor<2xi32>
    %cst_1 = stablehlo.constant dense<0.0> : tensor<1000x1000xf32>
    %0 = stablehlo.dot_general %arg0, %cst, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<8x3xf32>, tensor<3x5xf32>) -> tensor<8x5xf32>
    %1 = stablehlo.dot_general %0, %0, batching_dims = [0] x [0], contracting_dims = [] x [] : (tensor<8x5xf32>, tensor<8x5xf32>) -> tensor<8x5x5xf32>
    %2 = stablehlo.multiply %0, %0 : tensor<8x5xf32>
    %3 = stablehlo.compare  LT, %0, %2,  FLOAT : (tensor<8x5xf32>, tensor<8x5xf32>) -> tensor<8x5xi1>
    %4 = stablehlo.reshape %2 : (tensor<8x5xf32>) -> tensor<40xf32>
    %5 = stablehlo.reduce(%2 init: %cst_2) applies stablehlo.add across dimensions = [1] : (tensor<8x5xf32>, tensor<f32>) -> tensor<8xf32>
    %7 = stablehlo.complex %2, %2 : tensor<8x5xcomplex<f32>>
    %8 = stablehlo.multiply %7, %7 : tensor<8x5xcomplex<f32>>
    %6:2 = stablehlo.while(%iterArg = %c, %iterArg_2 = %5) : tensor<i32>, tensor<8xf32>
  }
}
"""  # noqa: E501


@pytest.fixture
def roofline():
    from benchmarks.hlo import roofline

    return roofline


def test_cost_counts_what_must_be_moved_and_computed(roofline):
    cost = roofline.cost(PROGRAM)
    # Arguments, results and the two tables; a constant of one number does not count.
    assert cost.num_bytes == (24 * 4 + 2) + (8 * 8 + 8 * 4) + (15 * 4 + 2 * 4)
    assert cost.product_operations == 2 * 40 * 3 + 2 * 200
    # Two products and a comparison of 40 numbers, a sum, and the one addition of the sum.
    assert cost.operations == cost.product_operations + 40 + 40 + 40 + 1 + 40
    assert cost.num_loops == 1


def test_arguments_of_the_entry(roofline):
    assert roofline.argument_shapes(PROGRAM) == [[8, 3], [2]]


def test_bound_is_the_larger_of_both(roofline):
    cost = roofline.Cost(num_bytes=1000, operations=600, product_operations=0, num_loops=0)
    assert roofline.bound(cost, 100.0, 100.0) == {"seconds": 10.0, "limited_by": "bandwidth"}
    assert roofline.bound(cost, 1000.0, 100.0) == {"seconds": 6.0, "limited_by": "rate"}


@pytest.mark.parametrize("function", ["cost", "argument_shapes"])
def test_text_without_an_entry_is_refused(roofline, function):
    with pytest.raises(ValueError, match="must have a function `main`"):
        getattr(roofline, function)("module { }")
