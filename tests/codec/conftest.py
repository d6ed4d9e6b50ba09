"""One torch thread, as in the live path: two on a busy machine are far slower than one."""

import torch

torch.set_num_threads(1)
