// SPDX-License-Identifier: Apache-2.0

/// The Java virtual machine's options for one version, as on AWS: most of the memory is heap, the serial collector, the quick
/// compiler. The virtual machine reads the function's `JAVA_TOOL_OPTIONS` before them, so what the function chooses there is
/// left out here.
struct JavaOptions: Sendable, Equatable {
    let flags: [String]

    /// What the bootstrap's manifest says, for commands that name its class instead of its archive.
    static let mainClass = "martlet.Bootstrap"
    static let openPackages = [
        "--add-opens=java.base/java.io=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED",
    ]

    /// Of the function's memory, in hundredths; the rest is for classes, threads and compiled code.
    private static let heapShare = 85

    init(_ version: ExecutableVersion) {
        self.init(memoryMiB: version.memoryMiB, chosen: version.environment["JAVA_TOOL_OPTIONS"] ?? "")
    }

    init(memoryMiB: Int, chosen: String) {
        func isChosen(_ marks: String...) -> Bool {
            chosen.split(separator: " ").contains { option in marks.contains { option.hasPrefix($0) } }
        }
        let choosesCollector = chosen.split(separator: " ").contains { $0.hasPrefix("-XX:+Use") && $0.hasSuffix("GC") }
        var flags = ["-Xshare:auto", "-XX:-UsePerfData", "-Dfile.encoding=UTF-8"]
        if !isChosen("-Xmx", "-XX:MaxHeapSize", "-XX:MaxRAM") {
            flags.append("-Xmx\(memoryMiB * 1_024 * Self.heapShare / 100)k")
        }
        if !choosesCollector { flags.append("-XX:+UseSerialGC") }
        if !isChosen("-XX:TieredStopAtLevel", "-XX:-TieredCompilation", "-XX:+TieredCompilation") {
            flags.append("-XX:TieredStopAtLevel=1")
        }
        self.flags = flags
    }
}
