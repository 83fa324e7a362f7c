// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// `make` sets this, so that a warning fails CI but never the build of somebody with a newer compiler.
let strict: [SwiftSetting] =
    Context.environment["MARTLET_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)]

let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ] + strict

extension Target.Dependency {
    static let logging = product(name: "Logging", package: "swift-log")
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioConcurrency = product(name: "NIOConcurrencyHelpers", package: "swift-nio")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let cryptoExtras = product(name: "CryptoExtras", package: "swift-crypto")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let lifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let system = product(name: "SystemPackage", package: "swift-system")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let httpClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let configuration = product(name: "Configuration", package: "swift-configuration")
}

/// One AWS service: a folder under `Sources/Services` with the same rooms in each.
func service(_ name: String, _ extra: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .target(
        name: name,
        dependencies: [
            "AWSWire", "MartletCore", "Storage", .logging, .nioCore, .nioConcurrency, .crypto, .lifecycle,
        ] + extra,
        path: "Sources/Services/\(name)",
        exclude: ["README.md", "service.json"],
        resources: resources,
        swiftSettings: settings
    )
}

func module(
    _ name: String,
    _ dependencies: [Target.Dependency],
    resources: [Resource] = [],
    linking: [LinkerSetting] = []
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        resources: resources,
        swiftSettings: settings,
        linkerSettings: linking
    )
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies + [
            "MartletCore", "MartletTesting", .logging, .nioCore, .nioConcurrency, .lifecycle,
        ],
        exclude: exclude,
        swiftSettings: settings
    )
}

/// A static archive of Debian's -dev package, so that Martlet stays one file to copy.
func archive(_ name: String) -> LinkerSetting {
    .unsafeFlags(["-Xlinker", "-l:lib\(name).a"])
}

let package = Package(
    name: "martlet",
    products: [.executable(name: "martlet", targets: ["martlet"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.14.0", traits: []),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-crypto", "4.5.0"..<"5.0.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0", traits: []),
    ],
    targets: [
        .systemLibrary(name: "CSQLite"),
        .systemLibrary(name: "CZlib"),
        .systemLibrary(name: "CPCRE2"),
        .systemLibrary(name: "CEpoll"),
        .target(name: "CLinux"),
        .target(name: "Jailer", linkerSettings: [archive("seccomp")]),

        module("MartletCore", [.logging, .nioCore, .nioConcurrency]),
        module("RegularExpressions", ["CPCRE2"], linking: [archive("pcre2-8")]),
        module("AWSWire", ["MartletCore", "RegularExpressions", .logging, .nioCore, .crypto, .httpTypes]),
        module("Storage", ["MartletCore", .logging, .nioConcurrency, .crypto]),
        module(
            "StorageSQLite",
            ["Storage", "MartletCore", "CSQLite", .logging, .nioConcurrency],
            linking: [archive("sqlite3"), .linkedLibrary("m")]
        ),
        module(
            "EventDelivery",
            ["MartletCore", "Storage", "AWSWire", .logging, .nioCore, .nioConcurrency, .lifecycle]
        ),
        module("EventPatterns", ["AWSWire"]),
        module("LinuxSystem", ["CLinux", .nioCore]),
        module("Sandbox", ["MartletCore", "LinuxSystem", .logging, .nioCore, .nioConcurrency]),
        module("Egress", ["MartletCore", "LinuxSystem", "Sandbox", .logging, .nioCore, .nioConcurrency, .nioPosix]),
        module(
            "OCI",
            [
                "AWSWire", "MartletCore", "LinuxSystem", "CZlib", .logging, .nioCore, .nioConcurrency, .nioPosix,
                .nioHTTP1,
                .crypto, .httpClient,
            ]
        ),
        module(
            "SandboxNamespaces",
            ["Sandbox", "MartletCore", "LinuxSystem", .logging, .nioCore, .nioPosix, .nioConcurrency]
        ),
        module(
            "SandboxProcess",
            ["Sandbox", "MartletCore", "LinuxSystem", .logging, .nioCore, .nioPosix, .nioConcurrency]
        ),

        module("NineP", ["LinuxSystem", "CLinux"]),
        module("VirtioVsock", ["LinuxSystem", "CLinux", "CEpoll"]),
        module(
            "SandboxMicroVM",
            ["Sandbox", "LinuxSystem", "NineP", "VirtioVsock", .logging],
            resources: [.embedInCode("Guest/init.elf")]
        ),

        service(
            "Lambda",
            [
                "Sandbox", "OCI", "LinuxSystem", "EventDelivery", "EventPatterns", "CEpoll", "CZlib", .nioPosix,
                .nioHTTP1, .httpTypes,
            ],
            resources: [.embedInCode("Runtimes/Bootstraps")]
        ),
        service("IAM"),
        service("STS"),
        service("Logs", ["EventDelivery", "RegularExpressions", "CZlib"]),
        service("SQS"),
        service("SNS", ["EventDelivery", "EventPatterns", .cryptoExtras, .httpClient, .nioHTTP1, .nioPosix]),

        module(
            "MartletServer",
            [
                "AWSWire", "MartletCore", .logging, .nioCore, .nioPosix, .nioHTTP1, .nioConcurrency, .httpTypes,
                .lifecycle, .crypto,
            ]
        ),
        module(
            "MartletCLI",
            [
                "MartletCore", "MartletServer", "AWSWire", "Sandbox", "SandboxNamespaces", "SandboxProcess",
                "SandboxMicroVM", "LinuxSystem", "Lambda",
                "OCI",
                .argumentParser, .httpClient, .httpTypes, .logging, .nioCore, .nioPosix, .nioHTTP1, .crypto,
            ]
        ),
        .executableTarget(
            name: "martlet",
            dependencies: [
                "MartletCLI", "MartletServer", "MartletCore", "AWSWire", "Storage", "StorageSQLite", "Sandbox",
                "SandboxNamespaces", "SandboxProcess", "SandboxMicroVM", "LinuxSystem", "EventDelivery", "Egress",
                "Lambda", "OCI", "IAM", "STS",
                "Logs", "SQS", "SNS", "Jailer",
                .argumentParser,
                .configuration, .system, .logging, .lifecycle, .unixSignals, .nioCore, .nioPosix, .nioConcurrency,
            ],
            swiftSettings: settings,
            linkerSettings: [archive("z")]
        ),
        module(
            "MartletTesting",
            [
                "MartletServer", "AWSWire", "MartletCore", "Storage", "StorageSQLite", .logging, .nioCore,
                .nioConcurrency, .httpTypes,
            ]
        ),

        tests("MartletCoreTests", ["RegularExpressions"]),
        tests(
            "AWSWireTests",
            ["AWSWire", "RegularExpressions", .crypto, "Lambda", "IAM", "STS", "Logs", "SQS", .httpTypes]
        ),
        tests("EventDeliveryTests", ["EventDelivery", "AWSWire", "Storage", "StorageSQLite"]),
        tests("EventPatternsTests", ["EventPatterns", "AWSWire"]),
        tests("StorageTests", ["Storage", "StorageSQLite", .crypto]),
        tests(
            "SandboxTests",
            ["Sandbox", "SandboxNamespaces", "SandboxProcess", "SandboxMicroVM", "LinuxSystem", "Egress"],
            exclude: ["MicroVM/fake-firecracker"]
        ),
        tests("NinePTests", ["NineP", "LinuxSystem"]),
        tests("VirtioVsockTests", ["VirtioVsock", "LinuxSystem", "CEpoll", "CLinux"]),
        tests("EgressTests", ["Egress", "LinuxSystem", "Sandbox", .nioPosix]),
        tests(
            "MartletServerTests",
            [
                "MartletServer", "AWSWire", "Storage", "StorageSQLite", .httpTypes, .httpClient, .nioPosix, .nioHTTP1,
                .crypto,
            ]
        ),
        tests(
            "LambdaTests",
            [
                "Lambda", "OCI", "Sandbox", "LinuxSystem", "EventDelivery", "AWSWire", "Storage", "StorageSQLite",
                .nioPosix, .nioHTTP1,
                .crypto, .httpTypes,
            ]
        ),
        tests("OCITests", ["OCI", "LinuxSystem", "AWSWire", "CZlib", .crypto, .nioPosix, .nioHTTP1]),
        tests("IAMTests", ["IAM", "STS", "AWSWire", "Storage", "StorageSQLite", .httpTypes]),
        tests("LogsTests", ["Logs", "AWSWire", "EventDelivery", "Storage", "StorageSQLite", "CZlib", .httpTypes]),
        tests("SQSTests", ["SQS", "MartletServer", "AWSWire", "Storage", "StorageSQLite", .httpTypes]),
        tests(
            "SNSTests",
            [
                "SNS", "AWSWire", "EventDelivery", "EventPatterns", "Storage", "StorageSQLite", .crypto, .cryptoExtras,
                .httpTypes,
                .nioPosix,
            ]
        ),
        tests("MartletCLITests", ["MartletCLI", "AWSWire", "Lambda", "SNS", .argumentParser]),
        tests("EndToEndTests", [.httpClient]),
    ],
    swiftLanguageModes: [.v6]
)

// `make bench` measures the store by itself with this; nobody else needs to build it.
if Context.environment["MARTLET_BENCHMARKS"] != nil {
    package.targets.append(
        .executableTarget(
            name: "storage-figures",
            dependencies: ["Storage", "StorageSQLite", "MartletCore"],
            path: "Benchmarks/storage",
            swiftSettings: settings
        )
    )
}
