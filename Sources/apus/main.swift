// x
print("hi")
