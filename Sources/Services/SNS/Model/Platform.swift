// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// The push services that SNS knows.
enum Platform: String, Sendable, CaseIterable {
    case adm = "ADM"
    case apns = "APNS"
    case apnsSandbox = "APNS_SANDBOX"
    case apnsVoIP = "APNS_VOIP"
    case apnsVoIPSandbox = "APNS_VOIP_SANDBOX"
    case macOS = "MACOS"
    case macOSSandbox = "MACOS_SANDBOX"
    case baidu = "BAIDU"
    case gcm = "GCM"
    case mpns = "MPNS"
    case wns = "WNS"
}

/// `arn:…:app/{platform}/{name}`
struct ApplicationReference: Hashable, Sendable {
    let scope: Scope
    let platform: Platform
    let name: String

    var arn: ARN { scope.arn("sns", "app/\(platform.rawValue)/\(name)") }

    init(scope: Scope, platform: Platform, name: String) {
        self.scope = scope
        self.platform = platform
        self.name = name
    }

    /// Throws `InvalidParameterException`. Only the caller's own applications are in reach.
    init(_ text: String, for context: RequestContext) throws {
        let arn = try TopicReference.arn(text, member: "PlatformApplicationArn")
        let parts = arn.resource.split(separator: "/", omittingEmptySubsequences: false)
        guard arn.service == "sns", arn.scope == context.scope, parts.count == 3, parts[0] == "app",
            let platform = Platform(rawValue: String(parts[1])), Self.isName(parts[2])
        else { throw InvalidParameterException.of("PlatformApplicationArn") }
        self.init(scope: context.scope, platform: platform, name: String(parts[2]))
    }

    /// 1–256 letters, digits, `_`, `-`, `.`
    static func isName(_ text: some StringProtocol) -> Bool {
        (1...256).contains(text.utf8.count) && text.utf8.allSatisfy { $0.isNameByte || $0 == 0x2e }
    }
}

/// `arn:…:endpoint/{platform}/{application}/{id}`
struct EndpointReference: Hashable, Sendable {
    let application: ApplicationReference
    let id: String

    var scope: Scope { application.scope }
    var arn: ARN { scope.arn("sns", "endpoint/\(application.platform.rawValue)/\(application.name)/\(id)") }

    init(application: ApplicationReference, id: String) {
        self.application = application
        self.id = id
    }

    init?(_ arn: ARN) {
        let parts = arn.resource.split(separator: "/", omittingEmptySubsequences: false)
        guard arn.service == "sns", let scope = arn.scope, parts.count == 4, parts[0] == "endpoint",
            let platform = Platform(rawValue: String(parts[1])), ApplicationReference.isName(parts[2]),
            (1...64).contains(parts[3].utf8.count)
        else { return nil }
        application = ApplicationReference(scope: scope, platform: platform, name: String(parts[2]))
        id = String(parts[3])
    }

    /// Throws `InvalidParameterException`.
    init(_ text: String, member: String = "EndpointArn", for context: RequestContext) throws {
        let arn = try TopicReference.arn(text, member: member)
        guard let endpoint = EndpointReference(arn), endpoint.scope == context.scope else {
            throw InvalidParameterException.of(member)
        }
        self = endpoint
    }
}
