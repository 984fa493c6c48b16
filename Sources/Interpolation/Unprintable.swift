// A part of every module, by a symbolic link: what a module declares itself goes before what the standard library has.

#if hasFeature(Embedded)
    extension DefaultStringInterpolation {
        /// Has the compiler name every value without a text of its own that is put into a string. Ordinary Swift prints
        /// what it finds out about the type at run time; Embedded Swift cannot, and says that instead of the value.
        @available(*, deprecated, message: "a value that is not CustomStringConvertible has no text in Embedded Swift")
        mutating func appendInterpolation<Value>(_ value: Value) {
            appendLiteral("(no text)")
        }
    }
#endif
