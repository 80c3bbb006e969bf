"""Parity cases of caffe/layer_types/recurrent.py."""
from parity import case

X, CONT, STATIC, HIDDEN = (3, 2, 4), (3, 2), (2, 5), (1, 2, 3)
ON, RESET = "constant 1", "array [0, 1, 1, 0, 1, 1]"


def recurrent(name, type, bottoms, cont=ON, param="", tops=1, steps=2, **options):
    """Two steps, because what is carried over counts."""
    return case(type.lower() + name, 'type: "%s" recurrent_param { num_output: 3 %s }' % (type, param),
                bottoms=bottoms, tops=tops, inputs=["normal", cont] + ["normal"] * (len(bottoms) - 2), steps=steps,
                **options)


CASES = [made for type, states in (("RNN", 1), ("LSTM", 2)) for made in (
    recurrent("_carried_over", type, (X, CONT)),
    recurrent("_resets", type, (X, CONT), RESET),
    recurrent("_all_new", type, (X, CONT), "constant 0"),
    recurrent("_one_step", type, ((1, 2, 4), (1, 2))),
    recurrent("_more_axes", type, ((2, 2, 2, 3), (2, 2))),
    recurrent("_static", type, (X, CONT, STATIC), RESET),
    recurrent("_static_more_axes", type, (X, CONT, (2, 3, 2))),
    recurrent("_hidden", type, (X, CONT, *[HIDDEN] * states), RESET, "expose_hidden: true", 1 + states),
    recurrent("_static_hidden", type, (X, CONT, STATIC, *[HIDDEN] * states), ON, "expose_hidden: true", 1 + states),
    recurrent("_fillers", type, (X, CONT, STATIC), ON, 'weight_filler { type: "constant" value: 0.2 } '
              'bias_filler { type: "constant" value: 0.1 }', params="filled"),
    recurrent("_fewer_streams", type, ((3, 4, 4), (3, 4)), reshape=(X, CONT)),
    recurrent("_more_streams", type, (X, CONT), reshape=((3, 4, 4), (3, 4))),
    recurrent("_test", type, (X, CONT), phase="TEST"),
)] + [
    case("lstm_unit", 'type: "LSTMUnit"', bottoms=((1, 3, 2), (1, 3, 8), (1, 3)), tops=2,
         inputs=["normal", "normal", "array [1, 0, 1]"], steps=2),
]
