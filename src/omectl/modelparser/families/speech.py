"""Families that hear or speak."""

from omectl.modelparser.family import Family

SPEECH: tuple[Family, ...] = (
    Family(
        model_types=("whisper",),
        parameters=(
            "3*num_mel_bins*d_model + d_model + 3*d_model*d_model + d_model + max_source_positions*d_model"
            " + encoder_layers*(4*d_model*d_model + 3*d_model + 2*d_model*encoder_ffn_dim + encoder_ffn_dim + d_model"
            " + 4*d_model) + 2*d_model"
            " + v*d_model + max_target_positions*d_model"
            " + decoder_layers*(8*d_model*d_model + 6*d_model + 2*d_model*decoder_ffn_dim + decoder_ffn_dim + d_model"
            " + 6*d_model) + 2*d_model"
        ),
    ),
    Family(
        model_types=("wav2vec2",),
        # The usual front end: seven convolutions of 512 channels with one group norm, positions in 16 groups of 128.
        parameters=(
            "4199424 + 1024 + 1024 + 512*h + h + 128*(h//16)*h + h + 128 + 2*h + L*(4*h*h + 9*h + 2*h*i + i) + v*h + v"
        ),
    ),
)
