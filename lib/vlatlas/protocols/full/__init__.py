"""The `full` profile of clip, siglip and flip: real data in the field's formats, backbones by name.

    python -m vlatlas.protocols.full clip   --model open_clip:ViT-B-32-quickgelu/openai --classes DATA --train DATA
    python -m vlatlas.protocols.full siglip --model open_clip:ViT-B-32/laion2b_s34b_b79k --pairs 'cc3m/{00000..00331}.tar'
    python -m vlatlas.protocols.full flip   --architecture ViT-B-16 --pairs 'cc3m/{00000..00331}.tar' --classes DATA

The measures are those of the notebooks; every loss of a sample is in the report. Guide: book/guide/real-data.md.
"""
