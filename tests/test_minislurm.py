"""The cluster that other tests use is one."""


def test_two_nodes_run_a_task_each(slurm):
    words = "srun --nodes=2 --ntasks=2 --gres=gpu:2 bash -c".split()
    said = slurm.command(*words, "echo $SLURM_PROCID/$SLURM_NTASKS $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES")
    first, second = slurm.nodes
    assert sorted(said.splitlines()) == [f"0/2 {first} 0,1", f"1/2 {second} 0,1"]
