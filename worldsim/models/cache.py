"""What dreams remember: keys and values of their last frames, in every layer over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from worldsim.models.attention import Rotation, attend, rotate, rotation


class TimeCache:
    """Keys and values of the last `window` frames of every time layer: a ring for every dream.

    A frame's pass writes its own slot; `advance` moves on to the next. Keys are stored turned to
    their absolute position, so the order of slots does not matter. Dreams may be of different
    ages, see `put`; while all are of one age, nothing is hidden from any and nothing is slower.

    Where `pinned` the first frame is never forgotten: it keeps its slot, and is seen as the oldest
    of the window however long ago it was (as StreamingLLM keeps first tokens, section 3.2).
    """

    def __init__(self, layers: int, window: int, dreams: int, pinned: bool = False) -> None:
        self.window, self.pinned = window, pinned
        self.positions = [0] * dreams
        self.keys: list[Tensor | None] = [None] * layers
        self.values: list[Tensor | None] = [None] * layers

    @property
    def aligned(self) -> bool:
        """Whether all dreams are of one age."""
        return len(set(self.positions)) == 1

    def turn(self, size: int, tokens: int, device: torch.device) -> Rotation:
        """Rotary position of the frame being drawn; fits (dreams * tokens, heads, 1, size)."""
        if self.aligned:
            return rotation(torch.tensor(self.positions[:1], device=device), size, base=1000.0)
        turn = rotation(torch.tensor(self.positions, device=device), size, base=1000.0)
        cos, sin = (part.repeat_interleave(tokens, 0)[:, None, None] for part in turn)
        return cos, sin

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Store a frame's keys and values, then let its queries look at all frames stored.

        All are (dreams * tokens, heads, 1, size). Dreams of one age are looked at together, without
        a mask, so that each gives bit by bit what it gives alone, where its matrix products do.
        """
        keys = self._write(self.keys, layer, key)
        values = self._write(self.values, layer, value)
        if self.aligned:
            return attend(query, *self._seen(keys, values, self.positions[0]))
        queries = query.unflatten(0, (len(self.positions), -1))
        attended = torch.empty_like(queries)
        alike = defaultdict(list)
        for dream, position in enumerate(self.positions):
            alike[position if self.pinned else min(position, self.window - 1)].append(dream)
        for position, dreams in alike.items():
            seen = self._seen(keys[dreams], values[dreams], position)
            looked = attend(queries[dreams].flatten(0, 1), *seen)
            attended[dreams] = looked.unflatten(0, (len(dreams), -1))
        return attended.flatten(0, 1)

    def _seen(self, keys: Tensor, values: Tensor, position: int) -> tuple[Tensor, Tensor]:
        """What dreams of one age look at: (dreams * tokens, heads, frames, size)."""
        stored = min(position + 1, self.window)
        seen = keys.flatten(0, 1)[:, :, :stored], values.flatten(0, 1)[:, :, :stored]
        late = position - self.window + 1
        if not self.pinned or late <= 0:
            return seen
        turn = rotation(torch.tensor([late], device=keys.device), keys.shape[-1], base=1000.0)
        first = rotate(seen[0][:, :, :1], turn, blocks=1)
        return torch.cat([first, seen[0][:, :, 1:]], 2), seen[1]

    def _write(self, stores: list[Tensor | None], layer: int, new: Tensor) -> Tensor:
        """All frames stored, this one included: (dreams, tokens, heads, window, size)."""
        rows = new.unflatten(0, (len(self.positions), -1))
        store = stores[layer]
        if store is None:
            store = new.new_zeros((*rows.shape[:3], self.window, rows.shape[4]))
            stores[layer] = store
        if self.aligned:
            store[:, :, :, self._slot(self.positions[0])] = rows[:, :, :, 0]
        else:
            at = torch.tensor([self._slot(p) for p in self.positions], device=new.device)
            dreams = torch.arange(len(at), device=new.device)
            store[dreams, :, :, at] = rows[:, :, :, 0]
        return store

    def _slot(self, position: int) -> int:
        if not self.pinned or position == 0:
            return position % self.window
        return 1 + (position - 1) % (self.window - 1)

    def advance(self) -> None:
        """Go on to the next frame."""
        self.positions = [position + 1 for position in self.positions]

    def take(self, dreams: Sequence[int] | None = None) -> TimeCache:
        """A copy, of some dreams or of all."""
        chosen = range(len(self.positions)) if dreams is None else dreams
        part = TimeCache(len(self.keys), self.window, len(chosen), self.pinned)
        part.positions = [self.positions[dream] for dream in chosen]
        part.keys = [None if store is None else store[list(chosen)] for store in self.keys]
        part.values = [None if store is None else store[list(chosen)] for store in self.values]
        return part

    def put(self, dreams: Sequence[int], part: TimeCache, device: torch.device) -> None:
        """Let the dreams of `part` take the places of some of these, whatever their ages."""
        for dream, position in zip(dreams, part.positions, strict=True):
            self.positions[dream] = position
        for stores, news in ((self.keys, part.keys), (self.values, part.values)):
            for layer, (store, new) in enumerate(zip(stores, news, strict=True)):
                if store is None and new is not None:
                    store = torch.zeros(len(self.positions), *new.shape[1:], device=device)
                    stores[layer] = store
                if store is not None:
                    store[list(dreams)] = 0.0 if new is None else new.to(store.device)
