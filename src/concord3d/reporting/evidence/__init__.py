"""What a report rests on: evaluations, trainings, published values, and the estimates from them."""
