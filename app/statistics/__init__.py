"""统计分析: figures of the bank, each under the row policy of who looks."""
