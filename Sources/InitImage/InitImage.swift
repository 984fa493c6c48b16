/// The executable image of `apus-init`, as the build compiled it.
public enum InitImage {
    /// Bytes of the image.
    public static var size: Int { initImageSize }
    /// The image, zero-padded to whole words.
    public static var words: [UInt64] { initImageWords }
}
