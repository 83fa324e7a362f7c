// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Crypto
import MartletCore

/// The runtime identifiers that AWS takes for new functions, and those that it took once.
enum RuntimeCatalog {
    /// In the order in which AWS lists them.
    static let supported = [
        "nodejs20.x", "nodejs22.x", "nodejs24.x", "nodejs26.x", "python3.9", "python3.10", "python3.11", "python3.12",
        "python3.13", "python3.14", "python3.15", "java8.al2", "java8.al2023", "java11", "java11.al2023", "java17",
        "java17.al2023", "java21", "java25", "dotnet8", "dotnet10", "ruby3.2", "ruby3.3", "ruby3.4", "ruby4.0",
        "provided.al2", "provided.al2023",
    ]

    /// With what AWS recommends instead.
    static let deprecated: [String: String] = [
        "nodejs": "nodejs24.x", "nodejs4.3": "nodejs24.x", "nodejs4.3-edge": "nodejs24.x", "nodejs6.10": "nodejs24.x",
        "nodejs8.10": "nodejs24.x", "nodejs10.x": "nodejs24.x", "nodejs12.x": "nodejs24.x", "nodejs14.x": "nodejs24.x",
        "nodejs16.x": "nodejs24.x", "nodejs18.x": "nodejs24.x", "python2.7": "python3.14", "python3.6": "python3.14",
        "python3.7": "python3.14", "python3.8": "python3.14", "java8": "java25", "dotnetcore1.0": "dotnet10",
        "dotnetcore2.0": "dotnet10", "dotnetcore2.1": "dotnet10", "dotnetcore3.1": "dotnet10", "dotnet6": "dotnet10",
        "go1.x": "provided.al2023", "ruby2.5": "ruby3.4", "ruby2.7": "ruby3.4", "provided": "provided.al2023",
    ]

    /// Throws AWS's errors for what no function can be made with.
    static func check(_ runtime: String) throws {
        if supported.contains(runtime) { return }
        if let successor = deprecated[runtime] {
            throw InvalidParameterValueException(
                "The runtime parameter of \(runtime) is no longer supported for creating or updating AWS Lambda functions. We recommend you use the new runtime (\(successor)) while creating or updating functions."
            )
        }
        if runtime == "custom" { throw CommonError.notImplemented("customer-managed runtimes (Runtime: custom)") }
        throw InvalidParameterValueException(
            "Value \(runtime) at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [\(supported.joined(separator: ", "))] or be a valid ARN"
        )
    }

    /// AWS's RuntimeVersionArn: names one build of the runtime. Martlet's interpreters are the host's, so the name stands
    /// for the identifier.
    static func versionARN(of runtime: String, in region: Region) -> String {
        let sum = Hex.encode(SHA256.hash(data: Array("martlet \(runtime)".utf8)))
        return "arn:\(region.partition):lambda:\(region.name)::runtime:\(sum)"
    }

    /// What INIT_START calls that build: `python:3.12.v1`, `nodejs:22.v1`, `provided:al2023.v1`. The number is always the
    /// same, as the host's interpreters are not numbered.
    static func versionName(of runtime: String) -> String {
        let name = runtime.hasSuffix(".x") ? runtime.dropLast(2) : runtime[...]
        let family = name.prefix { $0.isLetter }
        let rest = name.dropFirst(family.count)
        return rest.isEmpty ? "\(family).v1" : "\(family):\(rest.first == "." ? rest.dropFirst() : rest).v1"
    }

    /// The ones that AWS offers SnapStart for.
    static let withSnapStart: Set<String> = [
        "java11", "java11.al2023", "java17", "java17.al2023", "java21", "java25", "python3.12", "python3.13",
        "python3.14",
        "python3.15", "dotnet8", "dotnet10",
    ]
}
