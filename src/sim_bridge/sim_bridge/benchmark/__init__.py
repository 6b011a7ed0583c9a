"""The simulated benchmark of IIFL (section 5.2) and of the IFL benchmark before it, on batched MuJoCo."""
