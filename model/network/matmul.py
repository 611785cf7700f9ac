"""Products with learned matrices: several matrices at once, and with operands in bfloat16."""

import haiku as hk
import jax
import jax.numpy as jnp

MANY_ROWS = 1024


def dense(
    x: jax.Array, width: int, name: str, init: hk.initializers.Initializer | None = None
) -> jax.Array:
    """x: [N, D] -> [N, width]: a product with the matrix ``name`` of the current module, no
    bias."""
    return product(x, _matrix(x.shape[-1], width, name, init))


def dense_each(
    x: jax.Array,
    width: int,
    names: tuple[str, ...],
    init: hk.initializers.Initializer | None = None,
) -> list[jax.Array]:
    """x: [N, D] -> `dense` for each name, [N, width].

    With many rows it is one product, which is faster on CPUs, most of all in the gradient. With few
    rows, concatenating the matrices would take longer than it saves.
    """
    if len(x) < MANY_ROWS:
        return [dense(x, width, name, init) for name in names]
    matrices = [_matrix(x.shape[-1], width, name, init) for name in names]
    return jnp.split(product(x, jnp.concatenate(matrices, axis=1)), len(names), axis=1)


def product(x: jax.Array, matrix: jax.Array) -> jax.Array:
    """[N, D] @ [D, F] -> [N, F].

    If JAX's ``default_matmul_precision`` is 'bfloat16', operands are rounded to bfloat16, also in
    the gradient, and sums are float32. XLA follows that setting on accelerators only.
    """
    precision = jax.config.jax_default_matmul_precision  # pyright: ignore[reportAttributeAccessIssue]
    if precision == "bfloat16" and x.dtype == jnp.float32:
        return _rounded_product(x, matrix)
    return x @ matrix.astype(x.dtype)


@jax.custom_vjp
def _rounded_product(x: jax.Array, matrix: jax.Array) -> jax.Array:
    return _rounded_forward(x, matrix)[0]


def _rounded_forward(
    x: jax.Array, matrix: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _rounded("nd,df->nf", x, matrix), (x, matrix)


def _rounded_backward(
    operands: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, matrix = operands
    # Rows in two halves: on CPUs, XLA has no bfloat16 product for a sum over the first axis alone.
    halves = (2, -1) if len(x) % 2 == 0 else (1, -1)
    x, rows = (array.reshape(*halves, array.shape[-1]) for array in (x, gradient))
    return _rounded("nf,df->nd", gradient, matrix), _rounded("hnd,hnf->df", x, rows)


def _rounded(product: str, a: jax.Array, b: jax.Array) -> jax.Array:
    """An einsum with float32 operands, rounded to bfloat16, and a float32 result."""
    operands = a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)
    return jnp.einsum(product, *operands, preferred_element_type=jnp.float32)


_rounded_product.defvjp(_rounded_forward, _rounded_backward)


def _matrix(
    rows: int, width: int, name: str, init: hk.initializers.Initializer | None
) -> jax.Array:
    """[rows, width]: the matrix ``name`` of the current module."""
    init = init or hk.initializers.VarianceScaling(1.0, "fan_in", "truncated_normal")
    return hk.get_parameter(name, (rows, width), init=init)
