// SPDX-License-Identifier: Apache-2.0
import MartletCore

extension ConditionKeys {
    /// The global keys of a request, those that its service added, and the caller's.
    init(_ request: AuthorizationRequest, caller: Caller) {
        self = caller.keys
        self["aws:CurrentTime"] = [request.at.iso8601]
        self["aws:EpochTime"] = [String(request.at.milliseconds / 1_000)]
        self["aws:RequestedRegion"] = [request.scope.region.name]
        self["aws:SourceIp"] = [request.sourceAddress]
        self["aws:UserAgent"] = [request.userAgent]
        self["aws:ViaAWSService"] = ["false"]
        merge(request.conditionKeys)
    }
}

/// The error of a denied request, as each service of AWS gives it.
enum Denial {
    /// Services with another code or status than `AccessDeniedException` with 400.
    private static let byVendor: [String: (code: String, status: Int)] = [
        "iam": ("AccessDenied", 403), "sts": ("AccessDenied", 403), "s3": ("AccessDenied", 403),
        "sqs": ("AccessDenied", 403), "cloudformation": ("AccessDenied", 403),
        "elasticloadbalancing": ("AccessDenied", 403),
        "cloudwatch": ("AccessDenied", 403), "sns": ("AuthorizationError", 403), "ec2": ("UnauthorizedOperation", 403),
        "lambda": ("AccessDeniedException", 403), "apigateway": ("AccessDeniedException", 403),
        "scheduler": ("AccessDeniedException", 403), "xray": ("AccessDeniedException", 403),
    ]

    static func error(
        _ principal: Principal,
        _ action: String,
        on resource: String,
        _ reason: DenialReason?
    ) -> CommonError {
        let vendor = action.split(separator: ":").first.map(String.init) ?? ""
        let (code, status) = byVendor[vendor] ?? ("AccessDeniedException", 400)
        let who = principal.kind == .anonymous ? "anonymous" : principal.arn.description
        let why = reason.map { " " + $0.text(for: action) } ?? ""
        return CommonError(
            code,
            "User: \(who) is not authorized to perform: \(action) on resource: \(resource)\(why)",
            status: status
        )
    }
}
