// What the demo TV says, in Chinese and English.
var words = {};

// A sign, a title, and the button.
words.notices = {
  expired: ['!', '二维码已过期', 'The code has expired', '获取新的二维码', 'Get a new code'],
  declined: ['✕', '登录已被拒绝', 'The sign-in was declined on the phone', '重新登录', 'Try again'],
  cancelled: ['▶\uFE0E', '登录后继续观看', 'Sign in to go on watching', '登录', 'Sign in'],
  error: ['!', '暂时无法登录', 'Signing in does not work right now', '重试', 'Try again']
};

// Why it does not work, by the code in data-error.
words.reasons = {
  unreachable: ['登录服务没有响应，请检查网络', 'No answer: check the network'],
  unavailable: ['登录服务正忙', 'The sign-in service is busy'],
  temporarily_unavailable: ['登录服务正忙', 'The sign-in service is busy'],
  slow_down: ['请求太频繁', 'Too many requests'],
  no_device_grant: ['登录服务不支持电视', 'It offers no device grant'],
  invalid_client: ['电视应用的登记有误', 'Wrong client id or secret'],
  unauthorized_client: ['电视应用没有登记设备授权', 'The client lacks the device grant'],
  invalid_scope: ['电视应用请求了未登记的权限', 'A scope is not registered']
};

words.status = {
  starting: ['正在准备', 'One moment'],
  waiting: ['等待扫码', 'Waiting for your phone'],
  trouble: ['网络不稳，正在重试', 'Reconnecting']
};
