"""How to train: one frozen value, stored with the run."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Architecture:
    """The network's shape; see worldsim.models.dit.WorldModel.

    A frame is cut into `patches` x `patches` tokens, whatever its size.
    """

    patches: int = 8
    width: int = 160
    layers: int = 8
    heads: int = 5
    time_every: int = 4
    registers: int = 4
    window: int = 16
    refine: int = 0


@dataclass(frozen=True)
class Settings:
    """Batch, objective, history and optimiser of a training run.

    Shares and chances are between 0 and 1; `progress` is the share of the budget spent. In a batch
    of `full_chance` every frame sees every other, and its levels are uniform. AdamW takes all
    weights where `muon_rate` is 0.
    """

    clips_per_worker: int = 2
    clip_frames: int = 17
    held_out_episodes: int = 16
    pure_noise_share: float = 0.8
    hide_previous_chance: float = 0.03
    drop_action_chance: float = 0.05
    previous_noise_std: float = 0.03
    full_chance: float = 0.1
    full_hide_previous_chance: float = 0.7
    history_from_progress: float = 0.15
    history_chance: float = 0.6
    history_passes: int = 3
    muon_rate: float = 3e-3
    adamw_rate: float = 1e-3
    weight_decay: float = 0.01
    warm_up_steps: int = 100
    decay_share: float = 0.4
    clip_norm: float = 1.0
    ema_decay: float = 0.999

    def at_rate(self, share: float) -> Settings:
        """The same at a share of the learning rates."""
        return replace(self, muon_rate=share * self.muon_rate, adamw_rate=share * self.adamw_rate)


@dataclass(frozen=True)
class Recipe:
    """A whole experiment: what is trained and how."""

    name: str
    architecture: Architecture = Architecture()
    settings: Settings = Settings()
