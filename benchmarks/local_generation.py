"""Tokens a second of a local model by batch size: a Qwen3 with random weights, made on the spot.

    python benchmarks/local_generation.py [--size tiny|100m|600m] [--device auto] [--batches 1 2 4 8]

The model goes through the same code as `trajset collect --teacher FOLDER` (chat template, left-padded batch,
own sampling, stops) and is told to write --new tokens after a prompt of about --prompt tokens. Random weights
cost what trained ones cost. bfloat16 on CUDA, float32 elsewhere. `first` is the time to the first token (the
prompt alone), taken from a run of one token.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from machine import describe
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from trajset.builder.chat.local_model import Asked, LocalModel, device_of
from trajset.builder.chat.model import ChatRequest, Completion, Sampling
from trajset.builder.chat.model_files import find_files
from trajset.builder.schema import Message
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

SIZES = {  # hidden, feed-forward, layers, heads, key-value heads, vocabulary
    "tiny": (64, 192, 2, 4, 2, 2048),
    "10m": (256, 768, 6, 4, 2, 16_384),
    "100m": (512, 1536, 8, 8, 4, 151_936),
    "600m": (1024, 3072, 28, 16, 8, 151_936),  # that of Qwen3-0.6B
}
PAD, END = "<|endoftext|>", "<|im_end|>"
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n"
)


def make_model(folder: Path, size: str) -> int:
    """Save a model with random weights and a byte tokenizer; its number of parameters."""
    hidden, inner, layers, heads, kv_heads, vocabulary = SIZES[size]
    torch.manual_seed(0)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    tokens.add_special_tokens([PAD, "<|im_start|>", END])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        eos_token=END,
        pad_token=PAD,
        chat_template=TEMPLATE,
    )
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=128 if hidden >= 512 else 32,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen3ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model.num_parameters()


def measure(model: LocalModel, batch: int, prompt: int, new: int) -> tuple[float, int]:
    """Seconds and tokens of one batch; prompts differ in length by up to a quarter."""
    sampling = Sampling(0.6, 0.95, 20, max_tokens=new)
    asked = [
        Asked(
            ChatRequest(
                (Message("user", "a" * (prompt - row * prompt // (4 * batch))),), (), sampling, seed=row
            )
        )
        for row in range(batch)
    ]
    started = time.perf_counter()
    outcomes = model.answer(asked)
    seconds = time.perf_counter() - started
    return seconds, sum(o.completion_tokens or 0 for o in outcomes if isinstance(o, Completion))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=list(SIZES), default="tiny")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--prompt", type=int, default=1024)
    parser.add_argument("--new", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    device = device_of(args.device)
    with tempfile.TemporaryDirectory() as name:
        parameters = make_model(Path(name), args.size)
        model = LocalModel(find_files(name, None), device, None)
    where = torch.cuda.get_device_name() if device.type == "cuda" else device.type
    print(f"{parameters / 1e6:.1f} M parameters on {where}; {describe('torch', 'transformers')}")
    print(f"{args.new} new tokens after {args.prompt}; best of {args.rounds}")
    print(f"{'batch':>5} {'first s':>8} {'tokens/s':>9} {'ratio':>6}")
    measure(model, 1, 64, 4)
    base = 0.0
    for batch in args.batches:
        first = min(measure(model, batch, args.prompt, 1)[0] for _ in range(args.rounds))
        runs = [measure(model, batch, args.prompt, args.new) for _ in range(args.rounds)]
        rate = max(tokens / seconds for seconds, tokens in runs)
        base = base or rate
        print(f"{batch:>5} {first:>8.3f} {rate:>9,.0f} {rate / base:>6.2f}", flush=True)


if __name__ == "__main__":
    main()
