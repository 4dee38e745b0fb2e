"""申诉 and 撤销: decisions that others look at again."""
